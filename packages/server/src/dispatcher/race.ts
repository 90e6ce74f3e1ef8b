import type net from "node:net";
import { type Deadlines, Expiring } from "./deadlines.ts";
import { ConnectError, describeFailure } from "./failures.ts";

/** Called once: with the socket, or with the reason why there is none. */
export type OpenCallback = (error: ConnectError | null, socket: net.Socket | null) => void;

/** A connection that is being opened. After `cancel` its callback is never called. */
export type Opening = { cancel(): void };

/** Starts to open a connection to one address; never calls back before it returns. */
export type Open = (address: string, callback: OpenCallback) => Opening;

/** The same in two steps: `accepted` is called when the address has accepted and its TLS handshake begins. */
export type OpenInSteps = (
  address: string,
  callback: OpenCallback,
  accepted: () => void,
) => Opening;

/** RFC 8305 section 5: the delay until the next address is tried too. */
const headStartMs = 250;

/** The delay for an address that has accepted: a handshake takes several round trips, and costs the receiver CPU. */
const handshakeHeadStartMs = 2_000;

/**
 * Connects to the first of several addresses that is ready (RFC 8305, "happy eyeballs").
 *
 * The next address is tried at once when the newest fails, and after 250 ms when it does not answer: an address that
 * drops packets must not delay the others. When one accepts and its TLS handshake begins, those that have not accepted are
 * closed, and come last; after 2 seconds without an end of the handshake the next address is tried too: a process that
 * stands still accepts, and says nothing. The first connection that is ready is used, and the others are closed.
 */
export function race(
  addresses: readonly string[],
  open: OpenInSteps,
  deadlines: Deadlines,
  callback: OpenCallback,
): Opening {
  const waiting = [...addresses];
  const running = new Set<Running>();
  let ended = false;
  const next = new Turn(() => begin());

  function stop() {
    ended = true;
    deadlines.disarm(next);
    for (const { opening } of running) opening?.cancel();
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
    awaitNext(headStartMs);
    const one: Running = { address, accepted: false };
    try {
      one.opening = open(
        address,
        (error, socket) => {
          running.delete(one);
          if (ended) return;
          if (error) fail(error);
          else end(null, socket);
        },
        () => {
          if (ended) return;
          one.accepted = true;
          for (const other of running) if (!other.accepted) putBack(other);
          awaitNext(handshakeHeadStartMs);
        },
      );
      running.add(one);
    } catch (error) {
      fail(new ConnectError(describeFailure(error), { cause: error }));
    }
  }

  function putBack(other: Running) {
    running.delete(other);
    other.opening?.cancel();
    waiting.push(other.address);
  }

  function awaitNext(ms: number) {
    if (waiting.length > 0) deadlines.arm(next, ms);
    else deadlines.disarm(next);
  }

  begin();
  return { cancel: stop };
}

/** An address that is being tried, and whether it has accepted. */
type Running = { readonly address: string; accepted: boolean; opening?: Opening };

/** The deadline at which the next address is tried. */
export class Turn extends Expiring {
  readonly expire: () => void;

  constructor(expire: () => void) {
    super();
    this.expire = expire;
  }
}
