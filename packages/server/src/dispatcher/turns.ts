import { asksAmong, type Held, type Lane, type Lanes, slotsOf } from "./lanes.ts";
import { quotaLeft, type Standing, standings } from "./standing.ts";

/** Says whose turn it is to begin an attempt. */
export type Turns = {
  /** A lane may have become one that can begin an attempt. */
  offer(lane: Lane): void;
  /** A lane is among others now. */
  setStanding(lane: Lane, standing: Standing): void;
  /** Starts what may start: one delivery a lane in turn and one lane a standing, while there are slots. */
  startWhatMay(start: (lane: Lane, held: Held) => void): void;
};

/** Lanes of the same standing take turns, and so do the standings. `concurrency`: attempts in flight, over all lanes. */
export function openTurns(lanes: Lanes, concurrency: number): Turns {
  /** Lanes that have something ready and a free slot, in the order of their turns. */
  const rings = { slow: new Set<Lane>(), new: new Set<Lane>(), quick: new Set<Lane>() };

  function offer(lane: Lane): void {
    if (lane.at.ready === 0 || lane.at.inFlight >= slotsOf(lane)) return;
    const standing = asksAmong(lane, lane.at.inFlight);
    // It may wait there since it had another one in flight.
    if (standing !== lane.standing) rings[lane.standing].delete(lane);
    rings[standing].add(lane);
  }

  function startNext(standing: Standing, start: (lane: Lane, held: Held) => void): boolean {
    // Should this process die now, all that is not recorded would be sent again.
    if (lanes.unrecorded >= concurrency * 2) return false;
    if (quotaLeft(standing, concurrency, lanes.inFlight) <= 0) return false;
    for (const lane of rings[standing]) {
      rings[standing].delete(lane);
      const held = lanes.start(lane);
      if (!held) continue;
      start(lane, held);
      offer(lane);
      return true;
    }
    return false;
  }

  return {
    offer,
    setStanding(lane, standing) {
      if (lane.standing === standing) return;
      lanes.setStanding(lane, standing);
      for (const old of standings) rings[old].delete(lane);
      offer(lane);
    },
    startWhatMay(start) {
      let started = true;
      while (started) {
        started = false;
        for (const standing of standings) started = startNext(standing, start) || started;
      }
    },
  };
}
