import type { Fact } from "./facts.ts";

/**
 * Called for a report that could not be recorded, with the reason: FactsRefused, ApiError, ConnectionError, or the error
 * that stopped the report. An error that it throws itself is thrown by the next flush.
 */
export type OnReportError = (error: unknown, fact?: Fact) => unknown;

/** Passes an error to the listener. Without a listener, `orElse` gets the error; it also gets an error of the listener. */
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
