import type net from "node:net";
import { type Deadlines, Expiring } from "./deadlines.ts";
import { ConnectError, describeFailure } from "./failures.ts";

/** Called once: with the socket, or with the reason why there is none. */
export type OpenCallback = (error: ConnectError | null, socket: net.Socket | null) => void;

/** A connection that is being opened. After `cancel` its callback is never called. */
export type Opening = { cancel(): void };

/** Starts to open a connection to one address; never calls back before it returns. */
export type Open = (address: string, callback: OpenCallback) => Opening;

/** RFC 8305 section 5: the delay until the next address is tried too. */
const headStartMs = 250;

/**
 * Connects to the first of several addresses that accepts (RFC 8305, "happy eyeballs").
 *
 * The next address is tried at once when the newest fails, and after 250 ms when it does not answer: an address that
 * drops packets must not delay the others. The first open connection is used and the others are closed.
 */
export function race(
  addresses: readonly string[],
  open: Open,
  deadlines: Deadlines,
  callback: OpenCallback,
): Opening {
  const waiting = [...addresses];
  const running = new Set<Opening>();
  let ended = false;
  const next = new Turn(() => begin());

  function stop() {
    ended = true;
    deadlines.disarm(next);
    for (const opening of running) opening.cancel();
    running.clear();
  }

  function end(error: ConnectError | null, socket: net.Socket | null) {
    stop();
    callback(error, socket);
  }

  function fail(error: ConnectError) {
    if (waiting.length > 0 && !error.everywhere) begin();
    else if (running.size === 0 || error.everywhere) end(error, null);
  }

  function begin() {
    const address = waiting.shift();
    if (address === undefined) return;
    if (waiting.length > 0) deadlines.arm(next, headStartMs);
    else deadlines.disarm(next);
    try {
      const opening = open(address, (error, socket) => {
        running.delete(opening);
        if (ended) return;
        if (error) fail(error);
        else end(null, socket);
      });
      running.add(opening);
    } catch (error) {
      fail(new ConnectError(describeFailure(error), { cause: error }));
    }
  }

  begin();
  return { cancel: stop };
}

/** The deadline at which the next address is tried. */
export class Turn extends Expiring {
  readonly expire: () => void;

  constructor(expire: () => void) {
    super();
    this.expire = expire;
  }
}
