import { setTimeout as wait } from "node:timers/promises";

const windowMs = 60_000;
const freeInWindow = 20;
const delayMs = 500;
const addressesMax = 10_000;

/**
 * Slows down an address that keeps presenting bad keys: after 20 in a minute, each further refusal waits half a second.
 *
 * Only refusals wait. Callers with a good key from the same address are not affected, so nobody can lock a team out.
 */
export function slowGuessing(): (address: string) => Promise<void> {
  const failures = new Map<string, { count: number; untilMs: number }>();
  return async (address) => {
    const nowMs = performance.now();
    const known = failures.get(address);
    const current =
      known && known.untilMs > nowMs ? known : { count: 0, untilMs: nowMs + windowMs };
    current.count++;
    failures.delete(address);
    failures.set(address, current);
    if (failures.size > addressesMax) {
      const [oldest] = failures.keys();
      if (oldest !== undefined) failures.delete(oldest);
    }
    if (current.count > freeInWindow) await wait(delayMs, undefined, { ref: false });
  };
}
