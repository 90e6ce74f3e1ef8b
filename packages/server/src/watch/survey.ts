import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../db/pool.ts";
import {
  countEndpointsOfAllTeams,
  listWaitingOfAllTeams,
  readSurveyOfAllTeams,
  readUpkeepOfAllTeams,
  takeSurveyTurnOfAllTeams,
  writeSurveyOfAllTeams,
} from "../db/surveys.ts";
import {
  type ReceiverStanding,
  type Survey,
  sumUpWaiting,
  surveyPauseMs,
} from "../domain/survey.ts";
import { withinMs } from "../patience.ts";

export type SurveysDeps = {
  database: Database;
  standingOf: (subscriptionId: string) => ReceiverStanding;
  /** Days that things are kept at the most. */
  retentionDays: number;
  nowMs: () => number;
  onError: (message: string, error: unknown) => void;
};

/** What this process knows of all teams together. */
export type Surveys = {
  /** The last survey; undefined while there is none that is recent enough to be believed. */
  latest(): Partial<Survey> | undefined;
  /** Milliseconds since the last survey was taken, by whichever process; undefined before the first. */
  ageMs(): number | undefined;
  /** The database answered when it was asked last. */
  databaseIsThere(): boolean;
  /** By how much the database's clock is ahead of this machine's, in milliseconds; undefined before it was asked. */
  clockOffsetMs(): number | undefined;
  close(): Promise<void>;
};

const readEveryMs = 2_500;
/** One row by its key: a database that takes longer is as good as away. */
const readMsMax = 5_000;
/** What is older is told to nobody: a number that stands still looks like one that is true. */
const believedForMs = 60_000;
/** Should the process that looks die at it, another one looks after this time. */
const turnMs = 30_000;
const failingNamed = 20;

/** Reads what the last survey found, every few seconds, and takes the next one when it is time. */
export function openSurveys(deps: SurveysDeps): Surveys {
  const { database, nowMs } = deps;
  const closing = new AbortController();
  const { signal } = closing;
  let found: Partial<Survey> | undefined;
  let takenAtMs: number | undefined;
  let isThere = false;
  let offsetMs: number | undefined;

  async function look(): Promise<void> {
    const [askedAtMs, askedAt] = [performance.now(), nowMs()];
    const stored = await withinMs(readMsMax, readSurveyOfAllTeams(database.sql)).catch((error) => {
      isThere = false;
      throw error;
    });
    const readAtMs = performance.now();
    isThere = true;
    offsetMs = stored.nowMs - (askedAt + (readAtMs - askedAtMs) / 2);
    if (stored.found && stored.ageMs !== null) {
      found = stored.found;
      takenAtMs = readAtMs - stored.ageMs;
    }
    if (stored.isDue && (await takeSurveyTurnOfAllTeams(database.sql, turnMs))) {
      found = await takeSurvey(deps);
      takenAtMs = performance.now();
    }
  }

  async function lookOn(): Promise<void> {
    while (!signal.aborted) {
      await look().catch((error) => deps.onError("it could not be looked up what waits", error));
      await pause(readEveryMs, undefined, { ref: false, signal }).catch(() => {});
    }
  }
  const looking = lookOn();

  const ageMs = () => (takenAtMs === undefined ? undefined : performance.now() - takenAtMs);
  return {
    latest: () => ((ageMs() ?? believedForMs) < believedForMs ? found : undefined),
    ageMs,
    databaseIsThere: () => isThere,
    clockOffsetMs: () => offsetMs,
    async close() {
      closing.abort();
      await looking;
    },
  };
}

/** Looks anew, and writes down what it finds for all processes. */
export async function takeSurvey(
  deps: Pick<SurveysDeps, "database" | "standingOf" | "retentionDays">,
): Promise<Survey> {
  const { sql } = deps.database;
  const startedAtMs = performance.now();
  const waiting = await listWaitingOfAllTeams(sql);
  const survey = {
    ...sumUpWaiting(waiting, deps.standingOf),
    ...(await countEndpointsOfAllTeams(sql, failingNamed)),
    ...(await readUpkeepOfAllTeams(sql, deps.retentionDays)),
  };
  await writeSurveyOfAllTeams(sql, survey, surveyPauseMs(performance.now() - startedAtMs));
  return survey;
}
