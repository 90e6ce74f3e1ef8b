import type { GetRunAnswer, ListRunsAnswer, ListRunsQuery, ListStepsAnswer } from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

const path = "/workflows/v1/workflow-runs";

/** Runs, newest first, page after page. */
export const runsQuery = (filter: Pick<ListRunsQuery, "status" | "workflow_id" | "search">) =>
  infiniteQueryOptions({
    queryKey: ["runs", "all", filter],
    queryFn: ({ signal, pageParam }) =>
      ask<ListRunsAnswer>("GET", path, {
        query: { ...filter, size: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

/** One run. */
export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ["runs", "one", id],
    queryFn: ({ signal }) =>
      ask<GetRunAnswer>("GET", `${path}/${encodeURIComponent(id)}`, { signal }),
  });

/** The steps of a run, in their order. */
export const stepsQuery = (id: string) =>
  queryOptions({
    queryKey: ["runs", "steps", id],
    queryFn: ({ signal }) =>
      ask<ListStepsAnswer>("GET", `${path}/${encodeURIComponent(id)}/steps`, {
        query: { size: 200 },
        signal,
      }),
  });

/** Erases a run with its steps, events, deliveries and attempts. */
export const eraseRun = (id: string): Promise<void> =>
  ask("DELETE", `${path}/${encodeURIComponent(id)}`);
