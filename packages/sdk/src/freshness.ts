import { requireFunction, requireNumber, requireOptions } from "./guards.ts";

/** The maximum age of a request (default: 300 seconds) and the clock (ms) to compare with. */
export type VerifyOptions = { toleranceSeconds?: number; now?: () => number };

/** Why a request's time is refused. */
export type TimeFault = "malformed" | "too_old" | "too_new";

/** The guard of each option. */
export const verifyOptionGuards = {
  toleranceSeconds: (value: unknown, name: string) => requireNumber(value, name, { min: 0 }),
  now: requireFunction,
} as const;

/** Requires options whose tolerance is a finite number of seconds and whose clock is a function. */
export function requireVerifyOptions(options: VerifyOptions | undefined): void {
  requireOptions(options, verifyOptionGuards);
}

/** Finds the fault of a time in whole Unix seconds; undefined when it is within the tolerance. */
export function findTimeFault(
  timestamp: string,
  { toleranceSeconds = 300, now = Date.now }: VerifyOptions,
): TimeFault | undefined {
  if (!/^\d{1,12}$/.test(timestamp)) return "malformed";
  // With a clock that gives no number, every time would be accepted.
  const nowMs = requireNumber(now(), "What now() gives", { min: 0 });
  const ageSeconds = Math.floor(nowMs / 1000) - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return "too_old";
  return ageSeconds < -toleranceSeconds ? "too_new" : undefined;
}
