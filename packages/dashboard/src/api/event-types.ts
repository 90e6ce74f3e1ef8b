import type { ListEventTypesAnswer } from "@postrider/sdk";
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The whole catalogue; it changes only with the service's version. */
export const eventTypesQuery = queryOptions({
  queryKey: ["event-types"],
  queryFn: ({ signal }) =>
    ask<ListEventTypesAnswer>("GET", "/v1/event-types", { query: { limit: 200 }, signal }),
  staleTime: Number.POSITIVE_INFINITY,
});
