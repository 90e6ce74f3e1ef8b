import type { ApiKeyCreate, ListApiKeysAnswer, NewApiKey } from "@postrider/sdk";
import { infiniteQueryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** API keys, page after page. */
export const keysQuery = infiniteQueryOptions({
  queryKey: ["keys"],
  queryFn: ({ signal, pageParam }) =>
    ask<ListApiKeysAnswer>("GET", "/v1/api-keys", {
      query: { limit: 100, ...(pageParam === null ? {} : { cursor: pageParam }) },
      signal,
    }),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

/** Creates a key; only this answer has the whole key. */
export const createKey = (body: ApiKeyCreate): Promise<NewApiKey> =>
  ask("POST", "/v1/api-keys", { body });

/** Revokes a key. */
export const revokeKey = (id: string): Promise<void> =>
  ask("DELETE", `/v1/api-keys/${encodeURIComponent(id)}`);
