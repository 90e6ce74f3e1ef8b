import type { GetStatsAnswer, GetStatsQuery } from "../api.gen.ts";
import type { RequestOptions, Send } from "../request.ts";

/** Counts of deliveries and attempts over time. */
export const stats = (send: Send) => ({
  /** Gets whole UTC buckets, oldest first. Default: the last 24 hours, by the hour. */
  get: (query: GetStatsQuery = {}, options: RequestOptions = {}) =>
    send<GetStatsAnswer>({ method: "GET", path: "/v1/stats", query }, options),
});
