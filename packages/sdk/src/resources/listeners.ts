import type { ListenerAnswer, ListenerCreate, NewListener } from "../api.gen.ts";
import type { OpenStream, StreamOptions } from "../event-stream.ts";
import { pathSegment } from "../guards.ts";
import type { RequestOptions, Send } from "../request.ts";

/** A request for a listener to answer: the same that an endpoint with a URL would get. */
export type ListenerRequest = {
  /** The `request_id` of its answer. */
  id: string;
  method: string;
  headers: Record<string, string>;
  /** Base64. */
  body: string;
  /** Until when it can be answered, RFC 3339. */
  deadline: string;
  delivery_id: string;
  event_id: string;
  event_type: string;
  /** The number of the attempt. */
  attempt: number;
  /** The listener got this delivery before. */
  repeat: boolean;
};

/** A request, with the `lastEventId` from which a later stream continues. */
export type ListenedRequest = { request: ListenerRequest; lastEventId: string };

const base = "/v1/listeners";

/** Endpoints whose requests a program fetches and answers. */
export function listeners(send: Send, openStream: OpenStream) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  return {
    /** Creates a listener; it ends a minute after its last stream. */
    create: (body: ListenerCreate, options: RequestOptions = {}) =>
      send<NewListener>({ method: "POST", path: base, body }, options),
    /**
     * Yields the requests of a listener as they come, and reconnects by itself. A request is not yielded twice; a retry
     * of its delivery is, as a `repeat`.
     */
    requests: (id: string, options: StreamOptions = {}) =>
      asked(openStream(`${at(id)}/requests`, {}, options)),
    /** Answers a request. The first answer counts, so it is sent without an `Idempotency-Key`, which would cost two writes. */
    answer: (id: string, body: ListenerAnswer, options: RequestOptions = {}) =>
      send<void>({ method: "POST", path: `${at(id)}/answers`, body, namesItself: true }, options),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
  };
}

async function* asked(events: ReturnType<OpenStream>): AsyncGenerator<ListenedRequest> {
  for await (const { event, data, lastEventId } of events) {
    if (event === "request") yield { request: data as ListenerRequest, lastEventId };
  }
}
