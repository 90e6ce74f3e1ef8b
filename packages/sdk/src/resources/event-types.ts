import type { ListEventTypesAnswer, ListEventTypesQuery } from "../api.gen.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

/** The event types of all contracts: schema, sample and largest body of each. */
export function eventTypes(send: Send) {
  const list = (query: ListEventTypesQuery = {}, options: RequestOptions = {}) =>
    send<ListEventTypesAnswer>({ method: "GET", path: "/v1/event-types", query }, options);
  return {
    list,
    each: (query: ListEventTypesQuery = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.event_types,
      ),
  };
}
