import type { ListAuditEntriesAnswer, TeamSettings, TeamUpdate } from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** A team's settings. */
export const teamQuery = (id: string) =>
  queryOptions({
    queryKey: ["team", id],
    queryFn: ({ signal }) =>
      ask<TeamSettings>("GET", `/v1/teams/${encodeURIComponent(id)}`, { signal }),
  });

/** Changes a team's settings; omitted members stay as they are. */
export const updateTeam = (id: string, body: TeamUpdate): Promise<TeamSettings> =>
  ask("PATCH", `/v1/teams/${encodeURIComponent(id)}`, { body });

/** The filter of audit entries. */
export type AuditSought = {
  actor?: string | undefined;
  subject?: string | undefined;
  action?: string | undefined;
};

/** The audit log, newest first. */
export const auditQuery = (sought: AuditSought) =>
  infiniteQueryOptions({
    queryKey: ["audit", sought],
    queryFn: ({ signal, pageParam }) =>
      ask<ListAuditEntriesAnswer>("GET", "/v1/audit", {
        query: { ...sought, limit: 100, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 0,
  });
