import type { LeasedDelivery } from "../domain/delivery.ts";

/** Hot leases that one walk ends because nothing is under them: more than there are batches in a second. */
const endedMax = 5_000;

type UnderLease = Pick<LeasedDelivery, "leaseToken">;

/**
 * The hot leases of this process: how many deliveries are left under each, so that it ends a lease as soon as there is
 * none. Claimed deliveries are under no hot lease, and are no matter here.
 */
export function openHeldLeases() {
  const left = new Map<string, number>();
  const ended: string[] = [];
  return {
    enter({ leaseToken }: UnderLease): void {
      left.set(leaseToken, (left.get(leaseToken) ?? 0) + 1);
    },
    /** What was written or given back is under its lease no more. */
    leave({ leaseToken }: UnderLease): void {
      const count = left.get(leaseToken);
      if (count === undefined) return;
      if (count > 1) left.set(leaseToken, count - 1);
      else {
        left.delete(leaseToken);
        ended.push(leaseToken);
      }
    },
    /** What could be neither is left to whoever finds the lease when it has run out. */
    abandon({ leaseToken }: UnderLease): void {
      left.delete(leaseToken);
    },
    /** Hands leases over that are to be ended, and takes them back when that fails. */
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
