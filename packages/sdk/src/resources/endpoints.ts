import type { Endpoint, ListEndpointsAnswer, ListEndpointsQuery } from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

const base = "/v1/endpoints";

/** Receivers of all contracts with their health, newest first. */
export function endpoints(send: Send) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const list = (query: ListEndpointsQuery = {}, options: RequestOptions = {}) =>
    send<ListEndpointsAnswer>({ method: "GET", path: base, query }, options);
  return {
    list,
    each: (query: ListEndpointsQuery = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.endpoints,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Endpoint>({ method: "GET", path: at(id) }, options),
    /** Enables an endpoint; its waiting deliveries continue. */
    enable: (id: string, options: RequestOptions = {}) =>
      send<Endpoint>({ method: "POST", path: `${at(id)}/enable` }, options),
    /** Disables an endpoint; its waiting deliveries are kept. */
    disable: (id: string, options: RequestOptions = {}) =>
      send<Endpoint>({ method: "POST", path: `${at(id)}/disable` }, options),
  };
}
