import type { ListenerAnswer, ListenerCreate, NewListener } from "../api.gen.ts";
import type { OpenStream, StreamOptions } from "../event-stream.ts";
import { pathSegment } from "../guards.ts";
import type { RequestOptions, Send } from "../request.ts";

/** A request that a listener is to answer: what would have been sent to an endpoint with a URL. */
export type ListenerRequest = {
  /** Names it in its answer. */
  id: string;
  method: string;
  headers: Record<string, string>;
  /** Base64. */
  body: string;
  /** Until when it can be answered. */
  deadline: string;
  delivery_id: string;
  event_id: string;
  event_type: string;
  /** The number of the attempt. */
  attempt: number;
  /** The listener was handed the delivery before. */
  repeat: boolean;
};

/** A request with the place from which a later stream goes on behind it. */
export type ListenedRequest = { request: ListenerRequest; lastEventId: string };

const base = "/v1/listeners";

/** Endpoints whose requests are fetched and answered here. */
export function listeners(send: Send, openStream: OpenStream) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  return {
    /** Makes a listener; it ends a minute after its last stream. */
    create: (body: ListenerCreate, options: RequestOptions = {}) =>
      send<NewListener>({ ...options, method: "POST", path: base, body }),
    /**
     * Tells the requests of a listener as they come, and connects again by itself. What was told shortly before a
     * connection was lost is not told again; a delivery that is made again is, as a `repeat`.
     */
    requests: (id: string, options: StreamOptions = {}) =>
      asked(openStream(`${at(id)}/requests`, {}, options)),
    /** Answers a request. */
    answer: (id: string, body: ListenerAnswer, options: RequestOptions = {}) =>
      send<void>({ ...options, method: "POST", path: `${at(id)}/answers`, body }),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ ...options, method: "DELETE", path: at(id) }),
  };
}

async function* asked(events: ReturnType<OpenStream>): AsyncGenerator<ListenedRequest> {
  for await (const { event, data, lastEventId } of events) {
    if (event === "request") yield { request: data as ListenerRequest, lastEventId };
  }
}
