import type { Pace } from "../pace.ts";
import { asksAmong, heldOf, isQuiet, type Lane, type Lanes, slotsOf } from "./lanes.ts";
import { heldAtPace, holdMax, slotsOfNew } from "./slots.ts";
import { quotaLeft, type Standing } from "./standing.ts";

/** Payload bytes held in memory before new deliveries are left in the table. */
const heldBytesMax = 64 * 1024 * 1024;

/** How many more deliveries this process may hold. */
export type Room = {
  /** For all lanes of a standing. */
  of(standing: Standing): number;
  /** For one lane. */
  ofLane(lane: Lane): number;
  /** For one lane, of deliveries that begin at once. */
  toStart(lane: Lane): number;
  /** Deliveries that may be held, over all lanes. */
  capacity(): number;
  /** Deliveries that may be held in one lane. */
  capacityOf(lane: Lane): number;
};

/** `pace` counts the attempts of all lanes; `concurrency`: attempts in flight, over all lanes. */
export function openRoom(lanes: Lanes, pace: Pace, concurrency: number): Room {
  /** As many deliveries may wait as may be in flight, and more when attempts are fast. */
  const capacity = () => Math.max(concurrency * 2, heldAtPace(pace.bestPerSecond()));

  const capacityOf = (lane: Lane) =>
    lane.standing === "new" ? slotsOfNew * 2 : holdMax(lane.slots, lane.pace.bestPerSecond());

  const of = (standing: Standing) =>
    lanes.heldBytes >= heldBytesMax ? 0 : Math.max(0, quotaLeft(standing, capacity(), lanes.held));

  /** The room for a lane that has `has` deliveries: that of its standing, or one of the room of `new`. */
  function leftFor(lane: Lane, has: number, left: (standing: Standing) => number): number {
    const own = left(lane.standing);
    const standing = asksAmong(lane, has);
    return standing === lane.standing ? own : Math.max(own, Math.min(1, left(standing)));
  }

  const heldLeft = (lane: Lane) => leftFor(lane, heldOf(lane), of);

  const inFlightLeft = (lane: Lane) =>
    leftFor(lane, lane.at.inFlight, (standing) => quotaLeft(standing, concurrency, lanes.inFlight));

  return {
    of,
    capacity,
    capacityOf,
    ofLane: (lane) =>
      isQuiet(lane) ? 0 : Math.min(capacityOf(lane) - heldOf(lane), heldLeft(lane)),
    toStart: (lane) =>
      isQuiet(lane)
        ? 0
        : Math.min(slotsOf(lane) - heldOf(lane), inFlightLeft(lane), heldLeft(lane)),
  };
}
