import type { LeasedDelivery } from "../domain/delivery.ts";
import { openPace, type Pace } from "../pace.ts";
import { Fifo } from "./fifo.ts";
import { firstSlots, slotsOfNew } from "./slots.ts";
import { type Standing, type Taken, takenInAll } from "./standing.ts";

/** A delivery, and when its lease was requested (`performance.now()`). */
export type Held = { delivery: LeasedDelivery; leasedAtMs: number };

/**
 * The steps of a delivery in this process, in order. `reserved`: its transaction or claim is not finished. `ready`: it
 * waits for its turn. `inFlight`: its attempt runs. `unwritten`: its result is not committed yet. Then it leaves.
 */
export type Step = "reserved" | "ready" | "inFlight" | "unwritten";

/** One subscription's deliveries in this process, and what is known of its receiver. */
export type Lane = {
  readonly subscriptionId: string;
  /** How many deliveries are at each step. */
  readonly at: Readonly<Record<Step, number>>;
  readonly standing: Standing;
  /** Attempts that may be in flight at once when its standing is not `new`. */
  slots: number;
  /** The rate of ended attempts. */
  readonly pace: Pace;
  /** Whether the last ended attempt got an answer, even a late or bad one. */
  answered: boolean;
  /** When the last attempt ended, or began while no other was in flight (`performance.now()`). */
  heardAtMs: number;
  /** The last walk that found more due deliveries than could be taken; see `claiming.ts`. */
  backlogWalk: number;
  /** The end of the pause that the receiver asked for (`performance.now()`); known to this process only. */
  quietUntilMs: number;
  /** Its endpoint fails, as far as this process knows: only probes and manual retries are sent. */
  isShut: boolean;
};

type Counts = Record<Standing, number>;
type OpenLane = Omit<Lane, "at" | "standing"> & {
  at: Record<Step, number>;
  standing: Standing;
  queue: Fifo<Held>;
};

const idleLanesMax = 20_000;

/** The number of deliveries in a lane, at all steps. */
export const heldOf = ({ at }: Lane): number => at.reserved + at.ready + at.inFlight + at.unwritten;

export const slotsOf = (lane: Lane): number => (lane.standing === "new" ? slotsOfNew : lane.slots);

// This runs for each delivery, and few lanes are ever quiet: the clock is read only for those.
export const isQuiet = (lane: Lane): boolean =>
  lane.quietUntilMs > 0 && performance.now() < lane.quietUntilMs;

/** Says whether a lane must not begin this attempt now, but release its lease. */
export const mustWait = (lane: Lane, { breaker }: LeasedDelivery): boolean =>
  isQuiet(lane) || (lane.isShut && breaker === "waits");

/**
 * The standing whose quota a lane uses for one more delivery when it has `has`. A slow receiver that answers uses the
 * quota of `new` for its only delivery, so it does not wait for the timeouts of receivers that hang.
 */
export const asksAmong = (lane: Lane, has: number): Standing =>
  lane.standing === "slow" && lane.answered && has === 0 ? "new" : lane.standing;

/**
 * The lanes of this process and all counts of them.
 *
 * Each method is one step of a delivery, and changes all its counts together: those of the lane and of its standing.
 */
export class Lanes implements Iterable<Lane> {
  readonly #lanes = new Map<string, OpenLane>();
  readonly #slotsMax: number;
  readonly #held: Counts = { slow: 0, new: 0, quick: 0 };
  readonly #inFlight: Counts = { slow: 0, new: 0, quick: 0 };
  #unwritten = 0;
  #heldBytes = 0;

  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax;
  }

  /** Deliveries at any step, by the standing of their lanes. */
  get held(): Taken {
    return this.#held;
  }

  /** Attempts in flight, by the standing of their lanes. */
  get inFlight(): Taken {
    return this.#inFlight;
  }

  /** Deliveries that would be sent again if this process crashed now: their requests were or may have been sent. */
  get unrecorded(): number {
    return takenInAll(this.#inFlight) + this.#unwritten;
  }

  /** Payload bytes of all held deliveries. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  find(subscriptionId: string): Lane | undefined {
    return this.#lanes.get(subscriptionId);
  }

  /** A subscription's lane; opens one if there is none. */
  of(subscriptionId: string): Lane {
    const found = this.#lanes.get(subscriptionId);
    if (found) return found;
    if (this.#lanes.size >= idleLanesMax) this.#forgetIdle();
    const lane: OpenLane = {
      subscriptionId,
      at: { reserved: 0, ready: 0, inFlight: 0, unwritten: 0 },
      queue: new Fifo(),
      standing: "new",
      slots: firstSlots(this.#slotsMax),
      pace: openPace(),
      answered: false,
      heardAtMs: 0,
      backlogWalk: -1,
      quietUntilMs: 0,
      isShut: false,
    };
    this.#lanes.set(subscriptionId, lane);
    return lane;
  }

  /** Reserves room for deliveries that have not arrived, and for their bytes if known. */
  reserve(lane: Lane, count: number, bytes = 0): void {
    this.#move(lane, undefined, "reserved", count);
    this.#heldBytes += bytes;
  }

  /** Cancels such a reservation. */
  cancel(lane: Lane, count: number, bytes = 0): void {
    this.#move(lane, "reserved", undefined, count);
    this.#heldBytes -= bytes;
  }

  /** A delivery has arrived in its reserved room. */
  arrive(lane: Lane, held: Held): void {
    this.#move(lane, "reserved", "ready");
    (lane as OpenLane).queue.push(held);
  }

  /** Takes the oldest ready delivery: its attempt begins. Undefined when there is none. */
  start(lane: Lane): Held | undefined {
    const held = (lane as OpenLane).queue.shift();
    if (held) this.#move(lane, "ready", "inFlight");
    return held;
  }

  /** An attempt is over, and its result is being written. */
  answer(lane: Lane): void {
    this.#move(lane, "inFlight", "unwritten");
  }

  /** A delivery leaves after its last step. */
  leave(lane: Lane, step: "inFlight" | "unwritten", { payload }: LeasedDelivery): void {
    this.#move(lane, step, undefined);
    this.#heldBytes -= payload.length;
  }

  /** Removes the ready deliveries of a lane, all or those that must wait, oldest first. */
  clear(lane: Lane, which: "all" | "what must wait"): Held[] {
    const { queue } = lane as OpenLane;
    const cleared: Held[] = [];
    for (const held of queue.drain()) {
      if (which === "all" || mustWait(lane, held.delivery)) cleared.push(held);
      else queue.push(held);
    }
    this.#move(lane, "ready", undefined, cleared.length);
    for (const { delivery } of cleared) this.#heldBytes -= delivery.payload.length;
    return cleared;
  }

  setStanding(lane: Lane, standing: Standing): void {
    const held = heldOf(lane);
    this.#held[lane.standing] -= held;
    this.#inFlight[lane.standing] -= lane.at.inFlight;
    (lane as OpenLane).standing = standing;
    this.#held[standing] += held;
    this.#inFlight[standing] += lane.at.inFlight;
  }

  #move(lane: Lane, from: Step | undefined, to: Step | undefined, count = 1): void {
    const { at, standing } = lane as OpenLane;
    if (from) at[from] -= count;
    else this.#held[standing] += count;
    if (to) at[to] += count;
    else this.#held[standing] -= count;
    if (from === "inFlight") this.#inFlight[standing] -= count;
    if (to === "inFlight") this.#inFlight[standing] += count;
    if (from === "unwritten") this.#unwritten -= count;
    if (to === "unwritten") this.#unwritten += count;
  }

  #forgetIdle(): void {
    for (const [id, lane] of this.#lanes) {
      if (heldOf(lane) === 0 && !isQuiet(lane) && !lane.isShut) this.#lanes.delete(id);
    }
  }
}
