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
 * An event of a stream of deliveries: a delivery as it is now, or a gap (changes may be missing). With `lastEventId`, a
 * later stream continues after this event.
 */
export type DeliveryChange =
  | { type: "delivery"; delivery: Delivery; lastEventId: string }
  | { type: "gap"; lastEventId: string };

/** Deliveries of all contracts, newest first. */
export function deliveries(send: Send, openStream: OpenStream) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const list = (query: ListDeliveriesQuery = {}, options: RequestOptions = {}) =>
    send<ListDeliveriesAnswer>({ method: "GET", path: base, query }, options);
  return {
    /** A page can hold fewer deliveries than its limit although others follow; `each` gives them all. */
    list,
    each: (query: ListDeliveriesQuery = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.deliveries,
      ),
    /** Gets a delivery with its request body and its attempts. */
    get: (id: string, options: RequestOptions = {}) =>
      send<DeliveryDetails>({ method: "GET", path: at(id) }, options),
    /**
     * Yields each change of a delivery within two seconds. It reconnects by itself and misses nothing: after more than
     * ten minutes without a connection it yields a `gap`. Recent changes can come a second time.
     */
    stream: (query: StreamDeliveriesQuery = {}, options: StreamOptions = {}) =>
      changes(openStream(`${base}/stream`, query, options)),
    /** Retries a delivery now. */
    retry: (id: string, options: RequestOptions = {}) =>
      send<Delivery>({ method: "POST", path: `${at(id)}/retry` }, options),
  };
}

async function* changes(events: ReturnType<OpenStream>): AsyncGenerator<DeliveryChange> {
  for await (const { event, data, lastEventId } of events) {
    if (event === "delivery") yield { type: event, delivery: data as Delivery, lastEventId };
    if (event === "gap") yield { type: event, lastEventId };
  }
}
