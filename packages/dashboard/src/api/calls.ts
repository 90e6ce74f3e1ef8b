import type {
  ConversationWithMessages,
  ListConversationsAnswer,
  ListConversationsQuery,
} from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

const path = "/calls/v1/conversations";

/** Calls, newest first, page after page. */
export const callsQuery = (filter: Pick<ListConversationsQuery, "status" | "assistantId">) =>
  infiniteQueryOptions({
    queryKey: ["calls", "all", filter],
    queryFn: ({ signal, pageParam }) =>
      ask<ListConversationsAnswer>("GET", path, {
        query: { ...filter, size: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

/** One call with its messages. */
export const callQuery = (id: string) =>
  queryOptions({
    queryKey: ["calls", "one", id],
    queryFn: ({ signal }) =>
      ask<ConversationWithMessages>("GET", `${path}/${encodeURIComponent(id)}`, { signal }),
  });

/** Erases a call with its events, deliveries and attempts. */
export const eraseCall = (id: string): Promise<void> =>
  ask("DELETE", `${path}/${encodeURIComponent(id)}`);
