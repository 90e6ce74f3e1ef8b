import type { Delivery } from "@postrider/sdk";
import { ApiFailure } from "../api/problem.ts";
import { openStream } from "../api/request.ts";
import { openEventParser } from "./event-parser.ts";

/** Whether changes arrive: not yet; yes; or the connection is lost. */
export type StreamState = "connecting" | "open" | "lost";

/** The messages of the stream: changed rows, a gap, or its state. `last`: the position to continue from. */
export type Told =
  | { kind: "rows"; rows: Delivery[]; last: string }
  | { kind: "gap" }
  | { kind: "state"; state: StreamState };

/** How often rows are passed on: 500 changes a second become five messages, and people see no difference. */
const gatherMs = 200;
const againMs = { first: 1_000, most: 60_000 };
/** The service sends something every 10 seconds: a connection that is silent for this time counts as lost. */
const silenceMsMax = 30_000;

/**
 * Reads the stream of changed deliveries until it is stopped; reconnects and continues where it was.
 *
 * `last`: the position to begin after; empty: now.
 */
export async function readStream(
  tell: (told: Told) => void,
  { last, signal }: { last: string; signal: AbortSignal },
): Promise<void> {
  let place = last;
  let waitMs = againMs.first;
  let rows: Delivery[] = [];
  let gathering: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    if (rows.length > 0 && !signal.aborted) tell({ kind: "rows", rows, last: place });
    rows = [];
  };
  const parse = openEventParser(({ event, data, id }) => {
    if (id !== "") place = id;
    if (event === "gap") tell({ kind: "gap" });
    if (event !== "delivery") return;
    rows.push(JSON.parse(data) as Delivery);
    gathering ??= setTimeout(flush, gatherMs);
  });
  while (!signal.aborted) {
    try {
      await readOnce(
        place,
        signal,
        (text) => {
          waitMs = againMs.first;
          parse(text);
        },
        () => tell({ kind: "state", state: "open" }),
      );
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 422) {
        // The position is not valid any more, for example after a restart with another key.
        place = "";
        tell({ kind: "gap" });
      }
    }
    flush();
    if (signal.aborted) return;
    tell({ kind: "state", state: "lost" });
    await pause(waitMs, signal);
    waitMs = Math.min(againMs.most, waitMs * 2);
  }
}

/** Reads one connection to its end; throws the error that ends it. */
async function readOnce(
  place: string,
  signal: AbortSignal,
  onText: (text: string) => void,
  onOpen: () => void,
): Promise<void> {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), silenceMsMax);
  try {
    const body = await openStream("/v1/deliveries/stream", {
      headers: place === "" ? {} : { "last-event-id": place },
      signal: AbortSignal.any([signal, silent.signal]),
    });
    onOpen();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), silenceMsMax);
      onText(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
