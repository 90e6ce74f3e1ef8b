import type { ListAuditEntriesAnswer, ListAuditEntriesQuery } from "../api.gen.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

/** The audit log: who changed the team's configuration, and who read its secrets; newest first. */
export function audit(send: Send) {
  const list = (query: ListAuditEntriesQuery = {}, options: RequestOptions = {}) =>
    send<ListAuditEntriesAnswer>({ method: "GET", path: "/v1/audit", query }, options);
  return {
    list,
    each: (query: ListAuditEntriesQuery = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.entries,
      ),
  };
}
