import type {
  Delivery,
  DeliveryDetails,
  ListDeliveriesAnswer,
  ListDeliveriesQuery,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

const base = "/v1/deliveries";

/** Deliveries of all contracts, newest first. */
export function deliveries(send: Send) {
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
    /** Delivers again, now. */
    retry: (id: string, options: RequestOptions = {}) =>
      send<Delivery>({ ...options, method: "POST", path: `${at(id)}/retry` }),
  };
}
