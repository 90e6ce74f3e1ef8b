import { asksAmong, type Held, type Lane, type Lanes, slotsOf } from "./lanes.ts";
import { quotaLeft, type Standing, standings } from "./standing.ts";

/** Decides which lane begins the next attempt. */
export type Turns = {
  /** A lane may be able to begin an attempt now. */
  offer(lane: Lane): void;
  /** Changes the standing of a lane. */
  setStanding(lane: Lane, standing: Standing): void;
  /** Starts attempts while there are slots: the standings take turns, and the lanes of each standing, one delivery each. */
  startWhatMay(start: (lane: Lane, held: Held) => void): void;
};

/**
 * Opens the turns. Lanes of the same standing take turns, and so do the standings. `concurrency`: attempts in flight,
 * over all lanes.
 */
export function openTurns(lanes: Lanes, concurrency: number): Turns {
  /** Lanes with a ready delivery and a free slot, in the order of their turns. */
  const rings = { slow: new Set<Lane>(), new: new Set<Lane>(), quick: new Set<Lane>() };

  function offer(lane: Lane): void {
    if (lane.at.ready === 0 || lane.at.inFlight >= slotsOf(lane)) return;
    const standing = asksAmong(lane, lane.at.inFlight);
    // It may be in another ring since it had another attempt in flight.
    if (standing !== lane.standing) rings[lane.standing].delete(lane);
    rings[standing].add(lane);
  }

  function startNext(standing: Standing, start: (lane: Lane, held: Held) => void): boolean {
    // If this process crashed now, all unrecorded deliveries would be sent again.
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
