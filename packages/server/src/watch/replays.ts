import { setTimeout as pause } from "node:timers/promises";
import { type ReplayStepDeps, stepReplay } from "../actions/replay-step.ts";
import type { Database, TeamDatabase } from "../db/pool.ts";
import { type DueReplay, listDueReplaysOfAllTeams } from "../db/replays.ts";

/** The running loop that does the steps of replays. */
export type Replays = {
  /** Looks for due replays at once. */
  wake(): void;
  close(): Promise<void>;
};

export type ReplaysDeps = Pick<ReplayStepDeps, "freeSlots"> & {
  /** Lists the due replays of all teams. */
  database: Database;
  /** Does their steps, each with its team's connections. */
  teams: TeamDatabase;
  /** Called with the number of deliveries that a step has made due. */
  onDue: (count: number) => void;
  onError: (message: string, error: unknown) => void;
};

/** New replays are notified; this poll finds those whose notifications were missed. */
const pollMs = 5_000;
const shortestPauseMs = 20;
/** The most replays that do a step in one look. */
const stepsMax = 20;
/** How long this process leaves a replay alone after its step failed. */
const afterFailureMs = 5_000;

/**
 * Does the due steps of replays one at a time: all replays together use one connection.
 *
 * Every process runs it. The lock on a replay's row gives each step to one process, so a dead process leaves nothing to
 * take over.
 */
export function openReplays(deps: ReplaysDeps): Replays {
  const closing = new AbortController();
  const { signal } = closing;
  let waiting = new AbortController();
  const leftAloneUntilMs = new Map<string, number>();

  async function step({ teamId, id }: DueReplay): Promise<void> {
    try {
      const replayed = await stepReplay(
        { database: deps.teams.forTeams([teamId]), freeSlots: deps.freeSlots },
        { teamId, id },
      );
      if (replayed) deps.onDue(replayed);
    } catch (error) {
      leftAloneUntilMs.set(id, performance.now() + afterFailureMs);
      deps.onError("a replay could not go on; it is tried again", error);
    }
  }

  /** Does the due steps, and returns the milliseconds until the next one. */
  async function look(): Promise<number> {
    for (const [id, untilMs] of leftAloneUntilMs) {
      if (untilMs <= performance.now()) leftAloneUntilMs.delete(id);
    }
    const replays = (
      await listDueReplaysOfAllTeams(deps.database.sql, stepsMax + leftAloneUntilMs.size)
    ).filter(({ id }) => !leftAloneUntilMs.has(id));
    for (const replay of replays) {
      if (replay.dueInMs <= 0 && !signal.aborted) await step(replay);
    }
    const nextMs = Math.min(pollMs, ...replays.map(({ dueInMs }) => dueInMs));
    return Math.max(shortestPauseMs, nextMs);
  }

  async function lookOn(): Promise<void> {
    while (!signal.aborted) {
      // A replay that is requested during a look is found after it.
      waiting = new AbortController();
      const woken = AbortSignal.any([signal, waiting.signal]);
      const pauseMs = await look().catch((error) => {
        deps.onError("replays could not be looked for", error);
        return pollMs;
      });
      await pause(pauseMs, undefined, { signal: woken }).catch(() => {});
    }
  }
  const looking = lookOn();

  return {
    wake: () => waiting.abort(),
    async close() {
      closing.abort();
      await looking;
    },
  };
}
