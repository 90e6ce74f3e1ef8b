/** The fewest attempts that a subscription may have in flight at once, however its receiver answers. */
export const slotsMin = 4;
const slotsAtFirst = 16;
/** A new receiver gets one request, which shows whether it answers: many receivers that hang must not take all slots at once. */
export const slotsOfNew = 1;

export type SlotRule = { healthy: boolean; overburdened: boolean };

/**
 * Grows by one while answers are quick and good, halves when the receiver cannot keep up; between `slotsMin` and `max`.
 *
 * Additive increase, multiplicative decrease, as in TCP (RFC 5681): it finds a receiver's capacity quickly and relieves
 * it quickly.
 */
export function adaptSlots(slots: number, answer: SlotRule, max: number): number {
  if (answer.overburdened) return Math.max(slotsMin, Math.floor(slots / 2));
  return answer.healthy ? Math.min(max, slots + 1) : slots;
}

/** The slots of a subscription after its receiver's first answer, or after a pause. */
export const firstSlots = (max: number): number => Math.min(max, slotsAtFirst);

/** As many deliveries may wait in memory as a lane sends in this number of seconds: well below the margin of a lease. */
const heldSeconds = 6;

/** How many deliveries may wait in memory at this recent rate (attempts ended per second). */
export const heldAtPace = (perSecond: number): number => Math.floor(perSecond * heldSeconds);

/**
 * How many deliveries may be held in memory for a subscription with these slots, those in flight included.
 *
 * Held deliveries are sent without another read of the table, so there must be only as many as the recent rate certainly
 * sends in time. A slow receiver gets no queue: a delivery that waited behind its timeouts would lose its lease.
 */
export const holdMax = (slots: number, perSecond: number): number =>
  slots > slotsMin ? Math.max(slots * 2, heldAtPace(perSecond)) : slots;
