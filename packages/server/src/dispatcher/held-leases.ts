import type { LeasedDelivery } from "../domain/delivery.ts";

/** The most empty hot leases that one walk ends: more than there are batches in a second. */
const endedMax = 5_000;

type UnderLease = Pick<LeasedDelivery, "leaseToken">;

/**
 * The hot leases of this process, with the number of deliveries under each: a lease ends as soon as it has none. Claimed
 * deliveries have no hot lease and do not count here.
 */
export function openHeldLeases() {
  const left = new Map<string, number>();
  const ended: string[] = [];
  return {
    enter({ leaseToken }: UnderLease): void {
      left.set(leaseToken, (left.get(leaseToken) ?? 0) + 1);
    },
    /** A delivery that was written or released is not under its lease any more. */
    leave({ leaseToken }: UnderLease): void {
      const count = left.get(leaseToken);
      if (count === undefined) return;
      if (count > 1) left.set(leaseToken, count - 1);
      else {
        left.delete(leaseToken);
        ended.push(leaseToken);
      }
    },
    /** A delivery that could not be written or released: its lease ends by time, and any process claims it then. */
    abandon({ leaseToken }: UnderLease): void {
      left.delete(leaseToken);
    },
    /** Passes the empty leases to `work`, which ends them; keeps them if that fails. */
    async end<T>(work: (leaseTokens: readonly string[]) => Promise<T>): Promise<T> {
      const tokens = ended.splice(0, endedMax);
      try {
        return await work(tokens);
      } catch (error) {
        ended.push(...tokens);
        throw error;
      }
    },
  };
}

export type HeldLeases = ReturnType<typeof openHeldLeases>;
