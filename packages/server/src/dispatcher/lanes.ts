import type { LeasedDelivery } from "../domain/delivery.ts";
import { openPace, type Pace } from "../pace.ts";
import { Fifo } from "./fifo.ts";
import { firstSlots, slotsOfNew } from "./slots.ts";
import { type Standing, type Taken, takenInAll } from "./standing.ts";

/** A delivery and when its lease was asked for, of `performance.now()`. */
export type Held = { delivery: LeasedDelivery; leasedAtMs: number };

/**
 * The steps of a delivery in this process, in their order: its transaction is not committed yet or its claim not
 * answered; it waits for its turn; its attempt is going on; its result is not committed yet. Then it is gone.
 */
export type Step = "reserved" | "ready" | "inFlight" | "unwritten";

/** One subscription's deliveries in this process, and what is known of its receiver. */
export type Lane = {
  readonly subscriptionId: string;
  /** How many deliveries are at each step. */
  readonly at: Readonly<Record<Step, number>>;
  readonly standing: Standing;
  /** Attempts that may be in flight at once, once it is new no more. */
  slots: number;
  /** Attempts that are over. */
  readonly pace: Pace;
  /** Whether the last attempt that is over brought an answer, however late and whatever it said. */
  answered: boolean;
  /** When an attempt ended last, or began while there was no other; of `performance.now()`. */
  heardAtMs: number;
  /** The last walk by which more was due in the table than could be taken; see `claiming.ts`. */
  backlogWalk: number;
  /** Until then the receiver wants no request; of `performance.now()`, and known to this process only. */
  quietUntilMs: number;
  /** Its endpoint fails, as far as this process knows: only probes and what people ask for are sent. */
  isShut: boolean;
};

type Counts = Record<Standing, number>;
type OpenLane = Omit<Lane, "at" | "standing"> & {
  at: Record<Step, number>;
  standing: Standing;
  queue: Fifo<Held>;
};

const idleLanesMax = 20_000;

/** All deliveries in a lane, at whatever step. */
export const heldOf = ({ at }: Lane): number => at.reserved + at.ready + at.inFlight + at.unwritten;

export const slotsOf = (lane: Lane): number => (lane.standing === "new" ? slotsOfNew : lane.slots);

// Nearly no lane ever is, and each delivery asks: the clock is read for those alone.
export const isQuiet = (lane: Lane): boolean =>
  lane.quietUntilMs > 0 && performance.now() < lane.quietUntilMs;

/** Says whether a lane must not begin this attempt now, and gives its lease back. */
export const mustWait = (lane: Lane, { breaker }: LeasedDelivery): boolean =>
  isQuiet(lane) || (lane.isShut && breaker === "waits");

/**
 * Among whom a lane asks for one more, of so many that it has. Who answers late still answers: for its only one it waits
 * with the new ones, and not until those that hang have come to their timeouts.
 */
export const asksAmong = (lane: Lane, has: number): Standing =>
  lane.standing === "slow" && lane.answered && has === 0 ? "new" : lane.standing;

/**
 * The lanes of this process, and the only place where they are counted.
 *
 * Each method is one step of a delivery, and changes every count that it concerns at once: that of the lane, and those
 * of its standing.
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

  /** Attempts that are going on, by the standing of their lanes. */
  get inFlight(): Taken {
    return this.#inFlight;
  }

  /** Deliveries that would be sent again should this process die now: their requests have left, or may have. */
  get unrecorded(): number {
    return takenInAll(this.#inFlight) + this.#unwritten;
  }

  /** Payload bytes of what is held. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  find(subscriptionId: string): Lane | undefined {
    return this.#lanes.get(subscriptionId);
  }

  /** A subscription's lane; it is opened when there is none. */
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

  /** Reserves places for deliveries that are not here yet; their bytes, as far as they are known. */
  reserve(lane: Lane, count: number, bytes = 0): void {
    this.#move(lane, undefined, "reserved", count);
    this.#heldBytes += bytes;
  }

  /** Takes such a reservation back. */
  cancel(lane: Lane, count: number, bytes = 0): void {
    this.#move(lane, "reserved", undefined, count);
    this.#heldBytes -= bytes;
  }

  /** A delivery has come to the place, and the bytes, that were reserved for it. */
  arrive(lane: Lane, held: Held): void {
    this.#move(lane, "reserved", "ready");
    (lane as OpenLane).queue.push(held);
  }

  /** Takes the oldest that is ready: its attempt begins. Undefined when there is none. */
  start(lane: Lane): Held | undefined {
    const held = (lane as OpenLane).queue.shift();
    if (held) this.#move(lane, "ready", "inFlight");
    return held;
  }

  /** Its attempt is over, and its result on the way to the table. */
  answer(lane: Lane): void {
    this.#move(lane, "inFlight", "unwritten");
  }

  /** A delivery has gone from its last step. */
  leave(lane: Lane, step: "inFlight" | "unwritten", { payload }: LeasedDelivery): void {
    this.#move(lane, step, undefined);
    this.#heldBytes -= payload.length;
  }

  /** Takes what is ready and must wait out of a lane, or all of it, oldest first. */
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
