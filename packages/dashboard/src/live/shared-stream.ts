import { place } from "../place.ts";
import { readStream, type StreamState, type Told } from "./read-stream.ts";

/** The messages between tabs: those of the stream, and a new tab's hello. */
type Said = Told | { kind: "hello" };

/**
 * Opens the one stream that all tabs of this browser share for a team.
 *
 * The tab that holds a lock reads the stream and informs the others; when it closes, the next tab continues from the same
 * position. Without locks (plain http on another machine) each tab has its own stream. Returns the function that closes
 * it.
 */
export function openSharedStream(team: string, onTold: (told: Told) => void): () => void {
  const name = `postrider:${place.base}:${team}`;
  const closing = new AbortController();
  const channel = navigator.locks === undefined ? undefined : new BroadcastChannel(name);
  let state: StreamState = "connecting";
  let last = "";
  let leads = false;

  const hear = (told: Told): void => {
    if (told.kind === "state") state = told.state;
    if (told.kind === "rows") last = told.last;
    onTold(told);
  };
  const lead = (): Promise<void> => {
    leads = true;
    return readStream(
      (told) => {
        channel?.postMessage(told);
        hear(told);
      },
      { last, signal: closing.signal },
    );
  };
  if (channel === undefined) void lead();
  else {
    channel.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data.kind !== "hello") hear(data);
      else if (leads) channel.postMessage({ kind: "state", state });
    };
    channel.postMessage({ kind: "hello" });
    navigator.locks.request(name, { signal: closing.signal }, lead).catch(() => undefined);
  }
  return () => {
    closing.abort();
    channel?.close();
  };
}
