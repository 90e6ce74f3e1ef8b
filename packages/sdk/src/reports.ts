import type { Fact, FactSink } from "./facts.ts";
import { requireFunction, requireOptions } from "./guards.ts";
import { FactsRefused } from "./refusals.ts";
import { type OnReportError, tell } from "./report-errors.ts";

/** The options for the reports of one run or call. */
export type ReportOptions = {
  /** Takes the reports. Without it, each report is sent at once in its own request. */
  buffer?: FactSink;
  /** Called for each report that could not be recorded. Without it, `flush` throws each such error once. */
  onReportError?: OnReportError;
};

/** Takes the reports of one run or call. Reporting never stops the work that is reported. */
export type Reports = {
  /** Resolves when the sink has taken the report, or has given up on it; never rejects. */
  report(fact: () => Fact): Promise<void>;
  /** Resolves when every report is acknowledged or announced; throws each error that had no listener, once. */
  flush(): Promise<void>;
};

/** A client's defaults for reports. */
export type Reporting = {
  direct: FactSink;
  now: () => number;
  onReportError: OnReportError | undefined;
};

/** The most errors that are kept for a flush; further ones are only counted. */
const untoldMax = 1_000;

/** Opens the reports of one run or call. */
export function openReports(reporting: Reporting, options: ReportOptions | undefined): Reports {
  requireOptions(options, { buffer: requireSink, onReportError: requireFunction });
  const sink = options?.buffer ?? reporting.direct;
  const listener = options?.onReportError ?? reporting.onReportError;
  let untold: unknown[] = [];
  let untoldCount = 0;

  const keep = (error: unknown) => {
    if (untoldCount++ < untoldMax) untold.push(error);
  };
  return {
    async report(makeFact) {
      let fact: Fact | undefined;
      try {
        fact = makeFact();
        await sink.report(fact);
      } catch (error) {
        // Not awaited: a slow listener must not stop the work.
        void tell(listener, keep, error, fact);
      }
    },
    async flush() {
      try {
        await sink.flush();
      } catch (error) {
        // Any other error loses nothing: the facts are still in the buffer.
        if (!(error instanceof FactsRefused)) throw error;
        void tell(listener, keep, error);
      }
      if (untoldCount === 0) return;
      const [errors, count] = [untold, untoldCount];
      untold = [];
      untoldCount = 0;
      throw errorOf(errors, count);
    },
  };
}

/** Combines the errors of a flush into one. */
function errorOf(errors: readonly unknown[], count: number): unknown {
  const [first] = errors;
  if (count === 1) return first;
  if (count === errors.length && errors.every((error) => error instanceof FactsRefused)) {
    return new FactsRefused(errors.flatMap(({ refusals }) => refusals));
  }
  const why = first instanceof Error ? first.message : String(first);
  return new AggregateError(errors, `${count} reports were not recorded; the first one: ${why}`);
}

function requireSink(value: unknown, name: string): void {
  const { report, flush } = (value ?? {}) as Partial<FactSink>;
  if (typeof report !== "function" || typeof flush !== "function") {
    throw new TypeError(`${name} must be a buffer, as postrider.buffer() opens it.`);
  }
}
