/** How many attempts one subscription may have in flight, learnt from how its receiver answers. */
export const slotsMin = 4;
const slotsAtFirst = 16;

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

/** What a subscription that nothing is known of begins with. */
export const firstSlots = (max: number): number => Math.min(max, slotsAtFirst);

/**
 * How many deliveries may be held in memory for a subscription with these slots, those in flight included.
 *
 * A receiver that was found slow gets no queue: what waited behind its timeouts would outlive its lease.
 */
export const holdMax = (slots: number): number => (slots > slotsMin ? slots * 2 : slots);
