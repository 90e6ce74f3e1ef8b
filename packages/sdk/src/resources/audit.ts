import type { ListAuditEntriesAnswer, ListAuditEntriesQuery } from "../api.gen.ts";
import { eachByPage } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

/** Who did what to the team's configuration, and who looked at its secrets; newest first. */
export function audit(send: Send) {
  const list = (query: ListAuditEntriesQuery = {}, options: RequestOptions = {}) =>
    send<ListAuditEntriesAnswer>({ ...options, method: "GET", path: "/v1/audit", query });
  return {
    list,
    each: (
      filter: Omit<ListAuditEntriesQuery, "page" | "size"> = {},
      options: RequestOptions = {},
    ) => eachByPage(async (window) => (await list({ ...filter, ...window }, options)).entries),
  };
}
