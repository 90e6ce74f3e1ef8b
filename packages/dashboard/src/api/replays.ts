import type { ListReplaysAnswer, Replay, ReplayDryRun, ReplayStart } from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** A dry run: what a replay would do, without starting it. */
export const dryRunQuery = (start: Pick<ReplayStart, "filter" | "only">) =>
  queryOptions({
    queryKey: ["dry-run", start],
    queryFn: ({ signal }) =>
      ask<ReplayDryRun>("POST", "/v1/replays", { body: { ...start, dry_run: true }, signal }),
    staleTime: 0,
    gcTime: 0,
  });

/** Starts a replay. */
export const startReplay = (start: ReplayStart): Promise<Replay> =>
  ask("POST", "/v1/replays", { body: start });

/** Cancels a replay; deliveries that it made due are still sent. */
export const cancelReplay = (id: string): Promise<Replay> =>
  ask("POST", `/v1/replays/${encodeURIComponent(id)}/cancel`);

/** Whether a replay has not ended. */
export const goesOn = ({ state }: Pick<Replay, "state">): boolean =>
  state === "queued" || state === "running";

/** How often a running replay's progress is read; not after its end. */
const progressMs = 1_000;

/** One replay, kept up to date until it ends. */
export const replayQuery = (id: string) =>
  queryOptions({
    queryKey: ["replays", "one", id],
    queryFn: ({ signal }) =>
      ask<Replay>("GET", `/v1/replays/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && goesOn(state.data) ? progressMs : false),
  });

/** All replays, newest first. */
export const replaysQuery = infiniteQueryOptions({
  queryKey: ["replays", "all"],
  queryFn: ({ signal, pageParam }) =>
    ask<ListReplaysAnswer>("GET", "/v1/replays", {
      query: { limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
      signal,
    }),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  staleTime: 0,
});
