/** How many attempts one subscription may have in flight, learnt from how its receiver answers. */
export const slotsMin = 4;
const slotsAtFirst = 16;
/** One request finds out whether a new receiver answers at all: a crowd that hangs must not take every place at once. */
export const slotsOfNew = 1;

export type SlotRule = { healthy: boolean; overburdened: boolean };

/**
 * Grows by one while answers are quick and good, halves when the receiver cannot keep up; between `slotsMin` and `max`.
 *
 * Additive increase, multiplicative decrease, as TCP does it (RFC 5681): a receiver is found out quickly and spared
 * quickly.
 */
export function adaptSlots(slots: number, answer: SlotRule, max: number): number {
  if (answer.overburdened) return Math.max(slotsMin, Math.floor(slots / 2));
  return answer.healthy ? Math.min(max, slots + 1) : slots;
}

/** What a subscription begins with once its receiver has answered, or has been silent for a while. */
export const firstSlots = (max: number): number => Math.min(max, slotsAtFirst);

/** Seconds of its own pace that may wait in memory: well below the margin of a lease. */
const heldSeconds = 6;

/** How much may wait in memory of what went at this pace of late (attempts ended per second). */
export const heldAtPace = (perSecond: number): number => Math.floor(perSecond * heldSeconds);

/**
 * How many deliveries may be held in memory for a subscription with these slots, those in flight included.
 *
 * What is held is sent without another look at the table, so it is as much as its recent pace surely gets through. A
 * receiver that was found slow gets no queue: what waited behind its timeouts would outlive its lease.
 */
export const holdMax = (slots: number, perSecond: number): number =>
  slots > slotsMin ? Math.max(slots * 2, heldAtPace(perSecond)) : slots;
