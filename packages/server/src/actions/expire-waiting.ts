import { expireWaitingForBreakersOfAllTeams, listOpenBreakersOfAllTeams } from "../db/breakers.ts";
import type { StreakKey } from "../db/failure-streaks.ts";
import type { Sql } from "../db/sql.ts";
import { waitedSinceSecondsAgo } from "../domain/breaker.ts";
import type { OnEnded } from "../domain/tally.ts";

const breakersMax = 500;

/**
 * Ends deliveries that have waited for a breaker as long as their team allows: they fail with the code `expired`. Returns
 * how many. It visits every open breaker, and ends at most `rowsMax` deliveries at once, until the time (of
 * `performance.now()`) is up.
 */
export async function expireWaiting(
  sql: Sql,
  {
    rowsMax,
    untilMs,
    onEnded,
  }: { rowsMax: number; untilMs: number; onEnded?: OnEnded | undefined },
): Promise<number> {
  let ended = 0;
  let after: StreakKey | undefined = { teamId: "", subscriptionId: "" };
  while (after && performance.now() < untilMs) {
    const breakers = await listOpenBreakersOfAllTeams(sql, after, breakersMax);
    const waiting = breakers.map(({ expireAfterDays, disabled, ...key }) => ({
      ...key,
      sinceSecondsAgo: waitedSinceSecondsAgo(expireAfterDays, disabled),
    }));
    let some: number;
    do {
      some = await expireWaitingForBreakersOfAllTeams(sql, waiting, rowsMax, onEnded);
      ended += some;
    } while (some >= rowsMax && performance.now() < untilMs);
    after = breakers.length < breakersMax ? undefined : breakers.at(-1);
  }
  return ended;
}
