/**
 * How soon a receiver answers: `quick` when its last answer came soon, `slow` when it took long or there was none, `new`
 * before its first answer. For its only slot, a slow receiver that answered counts as new.
 */
export type Standing = "slow" | "new" | "quick";

/** The standings; each has its own queue and turns. */
export const standings: readonly Standing[] = ["slow", "new", "quick"];

/** An answer within this time is quick. */
export const quickMs = 1_000;

/** How much the receivers of each standing use together. */
export type Taken = Readonly<Record<Standing, number>>;

/** The share that slow receivers may use together; below, the share of slow and new ones. */
const slowShare = 0.5;
const unprovenShare = 0.75;

export const takenInAll = ({ slow, new: unproven, quick }: Taken): number =>
  slow + unproven + quick;

/**
 * How many of `max` are left for a receiver of this standing; negative when more are in use than it may have.
 *
 * However many receivers hang, the last quarter is for quick receivers. Each of them frees its slots within a second, so
 * a few slots are enough for all of them.
 */
export function quotaLeft(standing: Standing, max: number, taken: Taken): number {
  const left = max - takenInAll(taken);
  if (standing === "quick") return left;
  const unproven = Math.ceil(max * unprovenShare) - taken.slow - taken.new;
  if (standing === "new") return Math.min(left, unproven);
  return Math.min(left, unproven, Math.ceil(max * slowShare) - taken.slow);
}
