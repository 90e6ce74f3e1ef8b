import type {
  ListReplaysAnswer,
  ListReplaysQuery,
  Replay,
  ReplayDryRun,
  ReplayStart,
} from "../api.gen.ts";
import { pathSegment, requireFunction, requireObject } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

const base = "/v1/replays";

/** The options for waiting for a replay. */
export type ReplayWait = RequestOptions & {
  /** Called after each check of the replay. */
  onProgress?: (replay: Replay) => void;
};

/** A replay that was started, and a way to wait for its end. */
export type StartedReplay = Replay & {
  /** Checks the replay every second; resolves when it is done or cancelled. There is no time-out: pass a `signal`. */
  done(options?: ReplayWait): Promise<Replay>;
};

/** Waits for the given time, or until the signal is aborted. */
export type Delay = (ms: number, signal?: AbortSignal) => Promise<void>;

const lookEveryMs = 1_000;

/** Adds `done` to the answer of a start. */
export function startedReplay(send: Send, delay: Delay, replay: Replay): StartedReplay {
  return {
    ...replay,
    async done(waiting = {}) {
      requireObject(waiting, "The options");
      const { onProgress, ...options } = waiting;
      if (onProgress !== undefined) requireFunction(onProgress, "onProgress");
      for (;;) {
        const now = await send<Replay>({ method: "GET", path: at(replay.id) }, options);
        onProgress?.(now);
        if (now.finished_at !== null) return now;
        await delay(lookEveryMs, options.signal);
      }
    },
  };
}

const at = (id: string) => `${base}/${pathSegment(id)}`;

/** Replays of all contracts, newest first. */
export function replays(send: Send, delay: Delay) {
  const list = (query: ListReplaysQuery = {}, options: RequestOptions = {}) =>
    send<ListReplaysAnswer>({ method: "GET", path: base, query }, options);
  return {
    /** Starts a replay of the deliveries that match the filter. */
    start: async (body: Omit<ReplayStart, "dry_run">, options: RequestOptions = {}) => {
      const replay = await send<Replay>({ method: "POST", path: base, body }, options);
      return startedReplay(send, delay, replay);
    },
    /** Counts the deliveries that a replay would retry, without starting one. */
    dryRun: async (body: Omit<ReplayStart, "dry_run">, options: RequestOptions = {}) =>
      send<ReplayDryRun>({ method: "POST", path: base, body: asDryRun(body) }, options),
    list,
    each: (query: ListReplaysQuery = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.replays,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Replay>({ method: "GET", path: at(id) }, options),
    /** Cancels a replay. Deliveries that it has already made due continue. */
    cancel: (id: string, options: RequestOptions = {}) =>
      send<Replay>({ method: "POST", path: `${at(id)}/cancel` }, options),
  };
}

/** The body of a replay as one that only counts. Something that is no object would be lost in the copy. */
export const asDryRun = (body: object): object => ({
  ...requireObject(body, "The body"),
  dry_run: true,
});
