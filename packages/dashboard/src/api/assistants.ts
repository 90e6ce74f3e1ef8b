import type {
  Assistant,
  AssistantCreate,
  AssistantUpdate,
  ListAssistantsAnswer,
} from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Named, namesIn } from "../words/names.ts";
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

/** The names of the newest assistants, without their own members, which may be large. */
export const assistantNamesQuery = queryOptions({
  queryKey: ["assistants", "names"],
  queryFn: async ({ signal }): Promise<readonly Named[]> =>
    namesIn(
      (await ask<ListAssistantsAnswer>("GET", path, { query: { size: 100 }, signal })).assistants,
    ),
});

/** The name of one assistant. */
export const assistantNameQuery = (id: string) =>
  queryOptions<string>({
    queryKey: ["assistants", "name", id],
    queryFn: async ({ signal }) =>
      (await ask<Assistant>("GET", `${path}/${encodeURIComponent(id)}`, { signal })).name,
  });

/** Creates an assistant. */
export const createAssistant = (body: AssistantCreate): Promise<Assistant> =>
  ask("POST", path, { body });

/** Changes an assistant; omitted members stay as they are. */
export const updateAssistant = (id: string, body: AssistantUpdate): Promise<Assistant> =>
  ask("PATCH", `${path}/${encodeURIComponent(id)}`, { body });
