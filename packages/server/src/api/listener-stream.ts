import { payloadContext } from "../db/events.ts";
import {
  listenerHeadersContext,
  listOpenRequests,
  type OpenRequest,
  placeListenerRequests,
} from "../db/listener-requests.ts";
import { type ListenerKey, markListenerSeen, streamSeenSeconds } from "../db/listeners.ts";
import type { Sql } from "../db/sql.ts";
import { publicEventId } from "../ids.ts";
import { openValue } from "../sealed-values.ts";
import type { Keyring } from "../secrets.ts";
import type { Signals } from "../signals.ts";
import { heartbeatMs } from "./streaming.ts";

export type ListenerStream = {
  key: ListenerKey;
  sql: Sql;
  keyring: Keyring;
  listening: Signals;
  /** The position of the last received request; "0": none. */
  after: string;
  stop: AbortSignal;
  mayRead: () => Promise<boolean>;
};

/** Finds requests whose signals were missed. */
const pollMs = 1_000;

/** Makes the text of a listener's stream from a position on, until it is stopped or the listener ends. */
export async function* streamOfRequests(stream: ListenerStream): AsyncGenerator<string> {
  const { key, sql, listening, stop, mayRead } = stream;
  let { after } = stream;
  let seenAtMs = Number.NEGATIVE_INFINITY;
  let toldAtMs = performance.now();
  // Requests that an earlier stream sent may follow the position too.
  let news = true;
  yield `retry: 1000\n\n`;
  try {
    while (!stop.aborted) {
      if (performance.now() - seenAtMs >= streamSeenSeconds * 1_000) {
        if (!(await markListenerSeen(sql, key, { ended: false }))) return;
        seenAtMs = performance.now();
      }
      // The wait begins before the read, so that no signal in between is missed.
      const signalled = listening.next(key.id, pollMs, stop);
      const placed = await placeListenerRequests(sql, key);
      if (placed === undefined) return;
      if (placed > 0) news = true;
      if (!(await mayRead())) return;
      const requests: OpenRequest[] = news ? await listOpenRequests(sql, key, after) : [];
      for (const request of requests) {
        yield requestEvent(stream, request);
        after = request.position;
        toldAtMs = performance.now();
      }
      news = requests.length > 0;
      if (performance.now() - toldAtMs >= heartbeatMs / 2) {
        yield ": alive\n\n";
        toldAtMs = performance.now();
      }
      if (!news) await signalled;
    }
  } finally {
    await markListenerSeen(sql, key, { ended: true }).catch(() => {});
  }
}

function requestEvent({ key, keyring }: ListenerStream, request: OpenRequest): string {
  const { teamId } = key;
  const { eventId, payload } = request;
  const headers = keyring.open(request.sealedHeaders, listenerHeadersContext(teamId, request.id));
  const body = payload && openValue(keyring, payload, payloadContext(teamId, eventId));
  const data = {
    id: request.id,
    method: "POST",
    headers: inPairs(JSON.parse(headers) as string[]),
    body: body?.toString("base64") ?? "",
    deadline: request.deadlineAt.toISOString(),
    delivery_id: request.deliveryId,
    event_id: publicEventId(eventId),
    event_type: request.eventType,
    attempt: request.attemptNumber,
    repeat: request.repeated,
  };
  return `event: request\nid: ${request.position}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Converts names and values in turn to an object; a request has no name twice. */
const inPairs = (headers: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ""]] : [])),
  );
