import type { ListReplaysAnswer, Replay, ReplayDryRun, ReplayStart } from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** What a replay would do; it changes nothing. */
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

/** Starts no more deliveries of a replay; those that were started go on. */
export const cancelReplay = (id: string): Promise<Replay> =>
  ask("POST", `/v1/replays/${encodeURIComponent(id)}/cancel`);

/** Whether a replay goes on. */
export const goesOn = ({ state }: Pick<Replay, "state">): boolean =>
  state === "queued" || state === "running";

/** A replay's own progress is asked for this often while it goes on, and never afterwards. */
const progressMs = 1_000;

/** One replay, up to date while it goes on. */
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
