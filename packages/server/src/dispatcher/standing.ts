/**
 * How soon a receiver lets go of what is sent to it: `quick` when its last answer came soon, `slow` when that took long
 * or it has been silent, `new` before its first answer. For its only place, a slow one that answered stands with the new.
 */
export type Standing = "slow" | "new" | "quick";

/** Those whose turns are counted apart, each with its own queue. */
export const standings: readonly Standing[] = ["slow", "new", "quick"];

/** An answer within this time is a quick one. */
export const quickMs = 1_000;

/** Of all places, those that slow receivers may take together, and those that slow and new ones may. */
const slowShare = 0.5;
const unprovenShare = 0.75;

/**
 * Counts the places that receivers of each standing take.
 *
 * However many receivers hang, the last quarter of all places is for those who answer: each of those gives its place
 * back within a second, so that a few are enough for all of them.
 */
export class Places {
  readonly #taken = { slow: 0, new: 0, quick: 0 };

  get taken(): number {
    return this.#taken.slow + this.#taken.new + this.#taken.quick;
  }

  take(standing: Standing, count: number): void {
    this.#taken[standing] += count;
  }

  /** How many of `max` places in all are left for a receiver of this standing; less than 0 when there were more once. */
  left(standing: Standing, max: number): number {
    const left = max - this.taken;
    if (standing === "quick") return left;
    const unproven = Math.ceil(max * unprovenShare) - this.#taken.slow - this.#taken.new;
    if (standing === "new") return Math.min(left, unproven);
    return Math.min(left, unproven, Math.ceil(max * slowShare) - this.#taken.slow);
  }
}
