import type { HotPath } from "../actions/fan-out.ts";
import { type Claiming, claimMax } from "./claiming.ts";
import type { HeldLeases } from "./held-leases.ts";
import type { Held, Lane, Lanes } from "./lanes.ts";
import type { Room } from "./room.ts";

export type HotPathDeps = {
  lanes: Lanes;
  room: Room;
  claiming: Claiming;
  leases: HeldLeases;
  newLeaseToken: () => string;
  isClosing: () => boolean;
  /** Takes an accepted delivery. */
  enqueue: (lane: Lane, held: Held) => void;
  /** Called when all accepted deliveries are enqueued. */
  afterAccept: () => void;
};

/** Opens the hot path: new deliveries go into memory at once, while this process has room for them. */
export function openHotPath(deps: HotPathDeps): HotPath {
  const { lanes, room, claiming } = deps;
  return {
    newLeaseToken: deps.newLeaseToken,
    reserve(subscriptionId, payloadBytes) {
      const lane = lanes.of(subscriptionId);
      if (deps.isClosing() || room.of("quick") <= 0) {
        claiming.noteBacklog(lane);
        claiming.noteStarved();
        return false;
      }
      if (lane.isShut) return false;
      // If the table has due deliveries, room for one claim is kept free. A fast lane has more room than that.
      if (room.ofLane(lane) <= (claiming.hasBacklog(lane) ? claimMax : 0)) {
        claiming.noteBacklog(lane);
        return false;
      }
      lanes.reserve(lane, 1, payloadBytes);
      return true;
    },
    cancel(subscriptionId, payloadBytes) {
      lanes.cancel(lanes.of(subscriptionId), 1, payloadBytes);
    },
    accept(deliveries, leasedAtMs) {
      for (const delivery of deliveries) {
        deps.leases.enter(delivery);
        deps.enqueue(lanes.of(delivery.subscriptionId), { delivery, leasedAtMs });
      }
      deps.afterAccept();
    },
    leftInTable: claiming.wake,
  };
}
