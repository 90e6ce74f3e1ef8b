/**
 * How soon a receiver lets go of what is sent to it: `quick` when its last answer came soon, `slow` when that took long
 * or it has been silent, `new` before its first answer. For its only slot, a slow one that answered stands with the new.
 */
export type Standing = "slow" | "new" | "quick";

/** Those whose turns are counted apart, each with its own queue. */
export const standings: readonly Standing[] = ["slow", "new", "quick"];

/** An answer within this time is a quick one. */
export const quickMs = 1_000;

/** How much the receivers of each standing have taken together. */
export type Taken = Readonly<Record<Standing, number>>;

/** Of all there is, what slow receivers may take together, and what slow and new ones may. */
const slowShare = 0.5;
const unprovenShare = 0.75;

export const takenInAll = ({ slow, new: unproven, quick }: Taken): number =>
  slow + unproven + quick;

/**
 * How many of `max` are left for a receiver of this standing; less than 0 when there were more once.
 *
 * However many receivers hang, the last quarter is for those who answer: each of those gives back what it takes within a
 * second, so that a few are enough for all of them.
 */
export function quotaLeft(standing: Standing, max: number, taken: Taken): number {
  const left = max - takenInAll(taken);
  if (standing === "quick") return left;
  const unproven = Math.ceil(max * unprovenShare) - taken.slow - taken.new;
  if (standing === "new") return Math.min(left, unproven);
  return Math.min(left, unproven, Math.ceil(max * slowShare) - taken.slow);
}
