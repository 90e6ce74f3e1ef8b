import type { Fact } from "./facts.ts";

/**
 * Hears of a report that could not be recorded, and why: FactsRefused, ApiError, ConnectionError, or what kept the report
 * from being made. What it throws itself is thrown by the next flush.
 */
export type OnReportError = (error: unknown, fact?: Fact) => unknown;

/** Tells a listener, and tells `orElse` what nobody hears of: the error without a listener, or the listener's own. */
export async function tell(
  listener: OnReportError | undefined,
  orElse: (error: unknown) => void,
  error: unknown,
  fact?: Fact,
): Promise<void> {
  if (listener === undefined) return orElse(error);
  try {
    await listener(error, fact);
  } catch (own) {
    orElse(own);
  }
}
