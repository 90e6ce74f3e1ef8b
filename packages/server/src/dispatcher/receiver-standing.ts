import type { ReceiverStanding } from "../domain/survey.ts";
import { isQuiet, type Lane, slotsOf } from "./lanes.ts";

/** A lane takes a moment to be claimed for anew: it counts as full for so long. */
const fullForMs = 2_000;

/** Remembers which receivers have as many attempts on the wire as they take: what waits for those does not wait for us. */
export function openReceiverStandings() {
  const fullAtMs = new WeakMap<Lane, number>();
  return {
    /** An attempt of the lane has begun. */
    began(lane: Lane): void {
      if (lane.at.inFlight >= slotsOf(lane)) fullAtMs.set(lane, performance.now());
    },
    /** What is known of a receiver; of one without a lane nothing is. */
    of(lane: Lane | undefined): ReceiverStanding {
      if (!lane) return "new";
      if (isQuiet(lane)) return "quiet";
      const sinceFullMs = performance.now() - (fullAtMs.get(lane) ?? Number.NEGATIVE_INFINITY);
      return lane.standing !== "slow" && sinceFullMs < fullForMs ? "full" : lane.standing;
    },
  };
}
