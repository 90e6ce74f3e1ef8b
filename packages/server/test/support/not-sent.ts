import type { HotPath } from "../../src/actions/fan-out.ts";
import { newLeaseOwner, newLeaseToken } from "../../src/ids.ts";

/** Sends nothing at once: it takes every new delivery under a lease of a process that is nowhere, or takes none. */
export function notSent({ leased = false } = {}): HotPath {
  const owner = newLeaseOwner();
  return {
    newLeaseToken: () => newLeaseToken(owner),
    reserve: () => leased,
    cancel: () => {},
    accept: () => {},
    leftInTable: () => {},
  };
}
