import type { Delivery } from "@postrider/sdk";
import { ApiFailure } from "../api/problem.ts";
import { openStream } from "../api/request.ts";
import { openEventParser } from "./event-parser.ts";

/** Whether changes arrive: not yet, they do, or they did and the connection is lost. */
export type StreamState = "connecting" | "open" | "lost";

/** What the stream tells: rows that changed, that some may have been missed, how it is. `last` is the place to go on from. */
export type Told =
  | { kind: "rows"; rows: Delivery[]; last: string }
  | { kind: "gap" }
  | { kind: "state"; state: StreamState };

/** Rows are handed on so often: a person sees no difference, and 500 changes a second are five messages. */
const gatherMs = 200;
const againMs = { first: 1_000, most: 60_000 };
/** The service sends something every 10 seconds: a connection that is silent for so long is lost. */
const silenceMsMax = 30_000;

/**
 * Reads the stream of changed deliveries until it is told to stop, again and again from where it was.
 *
 * `last` is where to begin: the place behind which rows were not told yet, or empty for now.
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
        // The place is not known any more, as after a restart with another key.
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

/** Reads one connection to its end; throws what ends it otherwise. */
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
