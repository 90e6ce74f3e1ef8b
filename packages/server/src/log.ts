import { type DestinationStream, type LevelWithSilent, type Logger, pino } from "pino";

const textLengthMax = 500;

/**
 * Opens the log: one JSON object a line on standard output, or on `destination`.
 *
 * A line keeps plain values and an `err`, nothing nested: a request, a row or a payload that is handed in by mistake is
 * left out rather than written down.
 */
export function openLog(options: {
  level: LevelWithSilent;
  destination?: DestinationStream;
}): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: plainFields },
      serializers: { err: describeThrown, req: () => undefined, res: () => undefined },
    },
    options.destination ?? pino.destination({ sync: false }),
  );
}

/** Says what an error was without the values it may quote. */
export function describeThrown(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { type: typeof thrown };
  const { code } = thrown as { code?: unknown };
  const quotes = quotesValues(thrown, code);
  return {
    type: thrown.name,
    code: typeof code === "string" ? code : undefined,
    message: quotes ? "left out: it may quote the value" : cut(thrown.message),
    stack: quotes ? framesOf(thrown) : cut(thrown.stack ?? "", 4_000),
    cause: thrown.cause instanceof Error ? describeThrown(thrown.cause) : undefined,
  };
}

/** Data errors of PostgreSQL (class 22) and the JSON parser put the offending value into their message. */
function quotesValues(error: Error, code: unknown): boolean {
  return error instanceof SyntaxError || (typeof code === "string" && /^22[0-9A-Z]{3}$/.test(code));
}

function framesOf(error: Error): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return cut(frames.join("\n"), 4_000);
}

function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === "err") kept[name] = value;
    else if (typeof value === "string") kept[name] = cut(value);
    else if (value === null || typeof value === "number" || typeof value === "boolean")
      kept[name] = value;
    else if (value instanceof Date) kept[name] = value.toISOString();
  }
  return kept;
}

const cut = (text: string, max = textLengthMax): string =>
  text.length > max ? `${text.slice(0, max)}…` : text;
