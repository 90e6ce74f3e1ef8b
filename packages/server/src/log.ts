import { type DestinationStream, type LevelWithSilent, type Logger, pino } from "pino";

const textLengthMax = 200;

/**
 * All fields that a line may have besides its level, time and message.
 *
 * A field may contain only ids, counts, states and names of the service. Never add a receiver's URL, a header, a name or
 * text of a user, or a part of a body.
 */
export const logFields = [
  "api_key_id",
  "count",
  "duration_ms",
  "err",
  "method",
  "reason",
  "refusal",
  "request_id",
  "route",
  "seconds",
  "status",
  "team_id",
  "url",
  "version",
] as const;

/**
 * Opens the log: one JSON object a line on standard output, or on `destination`.
 *
 * A line has only the fields above if they are plain values, and of errors only the parts of `describeThrown`. A request,
 * a row or a payload that is passed by mistake is left out.
 */
export function openLog(options: {
  level: LevelWithSilent;
  destination?: DestinationStream;
}): Logger {
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: plainFields },
      serializers: { err: describeThrown },
      hooks: {
        // A message is a constant text: nothing is inserted, and an error's message is never used.
        logMethod([given, message], log) {
          if (typeof given === "string") log.call(this, given);
          else log.call(this, fieldsOf(given), typeof message === "string" ? message : "an error");
        },
      },
    },
    options.destination ?? pino.destination({ sync: false }),
  );
  // A child logger's fields would bypass the list.
  return Object.assign(log, { child: () => log });
}

const fieldsOf = (given: unknown): object =>
  given instanceof Error ? { err: given } : ((given as object | null) ?? {});

const known: ReadonlySet<string> = new Set(logFields);

function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!known.has(name)) continue;
    if (name === "err") kept[name] = value;
    else if (typeof value === "string") kept[name] = cut(value);
    else if (typeof value === "number" || typeof value === "boolean") kept[name] = value;
  }
  return kept;
}

/**
 * Describes an error and its place in the code, without text that may quote a value.
 *
 * An error's text is kept only if it is known to be constant: PostgreSQL's details contain rows, parsers' messages
 * contain input, and sockets' messages contain addresses. Names of the schema are kept, because they are public.
 */
export function describeThrown(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { type: typeof thrown };
  const { code, syscall, table, column, constraint } = thrown as unknown as Record<string, unknown>;
  return {
    type: matching(thrown.name, /^\w{1,60}$/) ?? "Error",
    code: matching(code, /^\w{1,60}$/),
    syscall: matching(syscall, /^[a-z]{1,20}$/),
    table: matching(table, /^[a-z_0-9]{1,63}$/),
    column: matching(column, /^[a-z_0-9]{1,63}$/),
    constraint: matching(constraint, /^[a-z_0-9]{1,63}$/),
    message: matching(thrown.message, constantMessage),
    stack: framesOf(thrown),
    cause: thrown.cause instanceof Error ? describeThrown(thrown.cause) : undefined,
  };
}

/** The constant messages of pg and of this service. */
const constantMessage = new RegExp(
  `^(?:${[
    "Connection terminated",
    "Connection terminated unexpectedly",
    "Connection terminated due to connection timeout",
    "timeout expired",
    "timeout exceeded when trying to connect",
    "Client has encountered a connection error and is not queryable",
    "Cannot use a pool after calling end on the pool",
    "Query read timeout",
    "no answer within \\d{1,9} ms",
  ].join("|")})$`,
);

const frame =
  /^ {4}at (?:async )?(?:[\w$.<>[\] ]{1,120} \()?(?:file:\/\/|node:|\/)[^\s()?#]{1,300}:\d+:\d+\)?$/;
const framesMax = 20;

/** The frames of a stack, without its first lines, which repeat the message. */
function framesOf({ stack = "", message }: Error): string {
  const at = stack.indexOf(message);
  const behind = at < 0 ? stack : stack.slice(at + message.length);
  return behind
    .split("\n")
    .filter((line) => frame.test(line))
    .slice(0, framesMax)
    .join("\n");
}

const matching = (value: unknown, form: RegExp): string | undefined =>
  typeof value === "string" && form.test(value) ? value : undefined;

const cut = (text: string): string =>
  text.length > textLengthMax ? `${text.slice(0, textLengthMax)}…` : text;
