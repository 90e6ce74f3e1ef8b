import type { Delivery } from "@postrider/sdk";
import { urlOf } from "../api/request.ts";

/** Whether changes arrive: not yet, they do, or they did and the connection is lost. */
export type StreamState = "connecting" | "open" | "lost";

/** What tabs tell each other: rows that changed, that some may have been missed, how the stream is. */
export type Told =
  | { kind: "rows"; rows: Delivery[] }
  | { kind: "gap" }
  | { kind: "state"; state: StreamState }
  | { kind: "hello" };

/** Rows are handed on so often: a person sees no difference, and 500 changes a second are five messages. */
const gatherMs = 200;
const againMs = { first: 2_000, most: 60_000 };

/**
 * Opens the one stream that all tabs of this browser share for a team.
 *
 * The tab that holds a lock reads the stream and tells the others; when it closes, the next one takes over and says that
 * there was a gap. Without locks (plain http beyond this machine) each tab has its own. Gives what closes it.
 */
export function openSharedStream(
  team: string,
  onTold: (told: Exclude<Told, { kind: "hello" }>) => void,
): () => void {
  const name = `postrider:${urlOf("/v1/deliveries/stream")}:${team}`;
  const channel = new BroadcastChannel(name);
  const closing = new AbortController();
  let state: StreamState = "connecting";
  let leads = false;
  let toldBefore = false;

  const hear = (told: Exclude<Told, { kind: "hello" }>): void => {
    if (told.kind === "state") state = told.state;
    toldBefore = true;
    onTold(told);
  };
  const tell = (told: Exclude<Told, { kind: "hello" }>): void => {
    channel.postMessage(told);
    hear(told);
  };
  channel.onmessage = ({ data }: MessageEvent<Told>) => {
    if (data.kind !== "hello") hear(data);
    else if (leads) channel.postMessage({ kind: "state", state });
  };

  const lead = (): Promise<void> => {
    leads = true;
    // Between two leaders nobody listened.
    if (toldBefore) tell({ kind: "gap" });
    return readStream(tell, closing.signal);
  };
  if (navigator.locks === undefined) void lead();
  else {
    channel.postMessage({ kind: "hello" });
    navigator.locks.request(name, { signal: closing.signal }, lead).catch(() => undefined);
  }
  return () => {
    closing.abort();
    channel.close();
  };
}

/** Reads the stream until it is told to stop; the browser connects again by itself unless it was refused. */
function readStream(
  tell: (told: Exclude<Told, { kind: "hello" }>) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    let source: EventSource;
    let rows: Delivery[] = [];
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    let waitMs = againMs.first;
    const flush = (): void => {
      gathering = undefined;
      tell({ kind: "rows", rows });
      rows = [];
    };
    const connect = (): void => {
      source = new EventSource(urlOf("/v1/deliveries/stream"));
      source.onopen = () => {
        waitMs = againMs.first;
        tell({ kind: "state", state: "open" });
      };
      source.onerror = () => {
        tell({ kind: "state", state: "lost" });
        if (source.readyState !== EventSource.CLOSED) return;
        again = setTimeout(() => {
          tell({ kind: "gap" });
          connect();
        }, waitMs);
        waitMs = Math.min(againMs.most, waitMs * 2);
      };
      source.addEventListener("delivery", ({ data }: MessageEvent<string>) => {
        rows.push(JSON.parse(data) as Delivery);
        gathering ??= setTimeout(flush, gatherMs);
      });
      source.addEventListener("gap", () => tell({ kind: "gap" }));
    };
    signal.addEventListener("abort", () => {
      source.close();
      clearTimeout(gathering);
      clearTimeout(again);
      resolve();
    });
    connect();
  });
}
