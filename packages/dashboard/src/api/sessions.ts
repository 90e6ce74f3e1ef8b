import type { ListSessionsAnswer } from "@postrider/sdk";
import { infiniteQueryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The viewer's open sessions, page after page. */
export const sessionsQuery = infiniteQueryOptions({
  queryKey: ["sessions"],
  queryFn: ({ signal, pageParam }) =>
    ask<ListSessionsAnswer>("GET", "/v1/sessions", {
      query: { limit: 100, ...(pageParam === null ? {} : { cursor: pageParam }) },
      signal,
    }),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  staleTime: 0,
});

/** Ends one session. */
export const endSession = (id: string): Promise<void> =>
  ask("DELETE", `/v1/sessions/${encodeURIComponent(id)}`);

/** Ends all the viewer's sessions, including this one. */
export const endAllSessions = (): Promise<void> => ask("DELETE", "/v1/sessions");
