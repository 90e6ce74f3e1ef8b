import type { FastifyBaseLogger } from "fastify";
import type { Logger } from "pino";

/** Opens the log for fastify. Its texts may quote URLs, so only the kind of error is logged. */
export function frameworkLog(log: Logger): FastifyBaseLogger {
  const tell = (level: "trace" | "debug" | "info" | "warn" | "error" | "fatal") => {
    const quiet = level === "trace" || level === "debug" || level === "info";
    return (given: unknown): void => {
      const err = given instanceof Error ? given : (given as { err?: unknown } | null)?.err;
      if (quiet && err === undefined) return;
      log[level]({ err }, "the HTTP framework met something");
    };
  };
  const own = {
    level: log.level,
    trace: tell("trace"),
    debug: tell("debug"),
    info: tell("info"),
    warn: tell("warn"),
    error: tell("error"),
    fatal: tell("fatal"),
    silent: () => {},
    child: () => own,
  };
  return own as FastifyBaseLogger;
}
