import type {
  Assistant,
  AssistantCreate,
  AssistantUpdate,
  ListAssistantsAnswer,
} from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

const path = "/assistants/v1/assistants";

/** Assistants, page after page. */
export const assistantsQuery = (search: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["assistants", "all", search],
    queryFn: ({ signal, pageParam }) =>
      ask<ListAssistantsAnswer>("GET", path, {
        query: { search, size: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

/** One assistant with its server. */
export const assistantQuery = (id: string) =>
  queryOptions({
    queryKey: ["assistants", "one", id],
    queryFn: ({ signal }) => ask<Assistant>("GET", `${path}/${encodeURIComponent(id)}`, { signal }),
  });

/** Creates an assistant. */
export const createAssistant = (body: AssistantCreate): Promise<Assistant> =>
  ask("POST", path, { body });

/** Changes an assistant; omitted members stay as they are. */
export const updateAssistant = (id: string, body: AssistantUpdate): Promise<Assistant> =>
  ask("PATCH", `${path}/${encodeURIComponent(id)}`, { body });
