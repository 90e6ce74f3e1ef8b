import type { Fact, FactSink } from "./facts.ts";
import { requireFunction, requireOptions } from "./guards.ts";
import { FactsRefused } from "./refusals.ts";
import { type OnReportError, tell } from "./report-errors.ts";

/** Where the reports of one run or call go, and who hears of those that could not be recorded. */
export type ReportOptions = {
  /** Takes the reports; without it each is sent at once and by itself. */
  buffer?: FactSink;
  /** Without it, `flush` throws once what could not be recorded. */
  onReportError?: OnReportError;
};

/** Takes the reports of one run or call. Reporting never stops the work that is reported. */
export type Reports = {
  /** Resolves when the sink has taken the report, or has given up on it; never rejects. */
  report(fact: () => Fact): Promise<void>;
  /** Resolves when every report is acknowledged or told; throws once what nobody was told of. */
  flush(): Promise<void>;
};

/** What a client reports with unless told otherwise. */
export type Reporting = {
  direct: FactSink;
  now: () => number;
  onReportError: OnReportError | undefined;
};

/** So many errors are kept for a flush; of those beyond, only their number. */
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
        // Not awaited: a slow listener does not stop the work either.
        void tell(listener, keep, error, fact);
      }
    },
    async flush() {
      try {
        await sink.flush();
      } catch (error) {
        // Anything but a refusal has lost nothing: the facts are still in the buffer.
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

/** Makes one error of those that a flush throws. */
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
