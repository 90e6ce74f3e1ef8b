import { setTimeout as pause } from "node:timers/promises";
import type { DeliveryDetails, Postrider } from "@postrider/sdk";

const lookEveryMs = 250;

/** How long to wait at most, and what ends the wait early. */
export type WaitOptions = { msMax: number; signal?: AbortSignal };

/** Repeats a look until it finds something, within a time limit; undefined when it does not. */
export async function lookFor<Found>(
  look: () => Promise<Found | undefined>,
  { msMax, signal }: WaitOptions,
): Promise<Found | undefined> {
  const untilMs = performance.now() + msMax;
  for (;;) {
    const found = await look();
    if (found !== undefined || performance.now() > untilMs) return found;
    await pause(lookEveryMs, undefined, { ...(signal && { signal }) });
  }
}

/**
 * Waits until a delivery has more ended attempts than before; returns its state then, or as it was last seen when it
 * takes too long.
 */
export async function awaitAttempt(
  { deliveries }: Pick<Postrider, "deliveries">,
  id: string,
  { attemptsBefore, ...options }: WaitOptions & { attemptsBefore: number },
): Promise<DeliveryDetails> {
  const { signal } = options;
  let last: DeliveryDetails | undefined;
  await lookFor(async () => {
    last = await deliveries.get(id, { ...(signal && { signal }) });
    return last.attempts_count > attemptsBefore ? last : undefined;
  }, options);
  if (last === undefined) throw new Error("the delivery was never looked at");
  return last;
}
