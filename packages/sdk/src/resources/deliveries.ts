import type {
  Delivery,
  DeliveryDetails,
  ListDeliveriesAnswer,
  ListDeliveriesQuery,
  StreamDeliveriesQuery,
} from "../api.gen.ts";
import type { OpenStream, StreamOptions } from "../event-stream.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

const base = "/v1/deliveries";

/**
 * What a stream of deliveries tells: a delivery as it is now, or that changes may have been missed. With `lastEventId` a
 * later stream goes on behind it.
 */
export type DeliveryChange =
  | { type: "delivery"; delivery: Delivery; lastEventId: string }
  | { type: "gap"; lastEventId: string };

/** Deliveries of all contracts, newest first. */
export function deliveries(send: Send, openStream: OpenStream) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const list = (query: ListDeliveriesQuery = {}, options: RequestOptions = {}) =>
    send<ListDeliveriesAnswer>({ ...options, method: "GET", path: base, query });
  return {
    /** A page can hold fewer deliveries than its limit although others follow; `each` gives them all. */
    list,
    each: (query: ListDeliveriesQuery = {}, options: RequestOptions = {}) =>
      eachByCursor(
        (at) => list({ limit: 200, ...query, ...at }, options),
        (answer) => answer.deliveries,
      ),
    /** Gets a delivery with its request body and its attempts. */
    get: (id: string, options: RequestOptions = {}) =>
      send<DeliveryDetails>({ ...options, method: "GET", path: at(id) }),
    /**
     * Tells each change of a delivery within two seconds. It connects again by itself, and misses nothing: after more than
     * ten minutes without a connection a `gap` says so. What was told shortly before may be told once more.
     */
    stream: (query: StreamDeliveriesQuery = {}, options: StreamOptions = {}) =>
      changes(openStream(`${base}/stream`, query, options)),
    /** Delivers again, now. */
    retry: (id: string, options: RequestOptions = {}) =>
      send<Delivery>({ ...options, method: "POST", path: `${at(id)}/retry` }),
  };
}

async function* changes(events: ReturnType<OpenStream>): AsyncGenerator<DeliveryChange> {
  for await (const { event, data, lastEventId } of events) {
    if (event === "delivery") yield { type: event, delivery: data as Delivery, lastEventId };
    if (event === "gap") yield { type: event, lastEventId };
  }
}
