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
  /** The service's retention in days. */
  retentionDays: number;
  nowMs: () => number;
  onError: (message: string, error: unknown) => void;
};

/** The last survey of all teams, as this process knows it. */
export type Surveys = {
  /** The last survey; undefined while there is none, or it is too old. */
  latest(): Partial<Survey> | undefined;
  /** Milliseconds since the last survey by any process; undefined before the first. */
  ageMs(): number | undefined;
  /** Whether the database answered the last read. */
  databaseIsThere(): boolean;
  /** By how much the database's clock is ahead of this machine's, in milliseconds; undefined before the first read. */
  clockOffsetMs(): number | undefined;
  close(): Promise<void>;
};

const readEveryMs = 2_500;
/** The read is one row by its key: a database that takes longer counts as away. */
const readMsMax = 5_000;
/** An older survey is not shown: an outdated number would look like a current one. */
const believedForMs = 60_000;
/** If the process dies during a survey, another one makes it after this time. */
const turnMs = 30_000;
const failingNamed = 20;

/** Reads the last survey every few seconds, and makes the next one when it is due. */
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

/** Makes a survey, and stores it for all processes. */
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
