import type { ReceiverStanding } from "../domain/survey.ts";
import { isQuiet, type Lane, slotsOf } from "./lanes.ts";

/** A new claim for a lane takes a moment: the lane counts as full for this time. */
const fullForMs = 2_000;

/** Remembers which receivers have all their slots in use: deliveries that wait for those do not wait for the service. */
export function openReceiverStandings() {
  const fullAtMs = new WeakMap<Lane, number>();
  return {
    /** An attempt of this lane began. */
    began(lane: Lane): void {
      if (lane.at.inFlight >= slotsOf(lane)) fullAtMs.set(lane, performance.now());
    },
    /** What is known of a receiver; without a lane, it is new. */
    of(lane: Lane | undefined): ReceiverStanding {
      if (!lane) return "new";
      if (isQuiet(lane)) return "quiet";
      const sinceFullMs = performance.now() - (fullAtMs.get(lane) ?? Number.NEGATIVE_INFINITY);
      return lane.standing !== "slow" && sinceFullMs < fullForMs ? "full" : lane.standing;
    },
  };
}
