import { setTimeout as pause } from "node:timers/promises";
import { type ReplayStepDeps, stepReplay } from "../actions/replay-step.ts";
import type { Database, TeamDatabase } from "../db/pool.ts";
import { type DueReplay, listDueReplaysOfAllTeams } from "../db/replays.ts";

/** What does the steps of replays, for as long as it is open. */
export type Replays = {
  /** A replay was asked for: it is looked for at once. */
  wake(): void;
  close(): Promise<void>;
};

export type ReplaysDeps = Pick<ReplayStepDeps, "freeSlots"> & {
  /** Asks which replays of all teams are due. */
  database: Database;
  /** Does their steps, each as its team. */
  teams: TeamDatabase;
  /** Called when a step has made deliveries due, with how many they are. */
  onDue: (count: number) => void;
  onError: (message: string, error: unknown) => void;
};

/** A replay that is asked for is notified; this is for notifications that were missed. */
const pollMs = 5_000;
const shortestPauseMs = 20;
/** Replays that one look takes a step of. */
const stepsMax = 20;
/** A replay whose step failed is left alone for so long by this process. */
const afterFailureMs = 5_000;

/**
 * Does the steps of replays as they fall due, one at a time: however many replays there are, they have one connection.
 *
 * Every process does. The lock on a replay's row gives each step to one of them, so that a process that dies leaves
 * nothing behind to be taken over.
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

  /** Does what is due, and returns how long there is nothing to do. */
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
      // Whoever asks for a replay during a look is heard at the end of it.
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
