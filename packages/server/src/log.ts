import { type DestinationStream, type LevelWithSilent, type Logger, pino } from "pino";

const textLengthMax = 200;

/**
 * Every field that a line may have beside its level, its time and its message.
 *
 * Whoever adds one answers for what it can hold: ids, counts, states and names of our own. Never a URL of a receiver, a
 * header, a name or text that somebody typed, or anything of a body.
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
 * A line keeps the fields of the list above as far as they are plain values, and of errors what `describeThrown` keeps. A
 * request, a row or a payload that is handed in by mistake is left out rather than written down.
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
        // A message is ours as it stands: nothing is put into it, and no error lends its own.
        logMethod([given, message], log) {
          if (typeof given === "string") log.call(this, given);
          else log.call(this, fieldsOf(given), typeof message === "string" ? message : "an error");
        },
      },
    },
    options.destination ?? pino.destination({ sync: false }),
  );
  // A child's own fields would go past the list.
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
 * Says what an error was and where it came from, without a word that may quote a value.
 *
 * An error's own text is kept only where it is known to be always the same: PostgreSQL puts rows into its details, parsers
 * put the input into theirs, sockets put addresses. Names in our schema are kept, since they are in the repository.
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

/** What pg and we ourselves say in the same words every time. */
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

/** The places in the code, without the first lines of a stack: they repeat the message. */
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
