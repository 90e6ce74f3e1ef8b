import type { OnEnded } from "../domain/tally.ts";
import { part, type SqlPart } from "./sql.ts";

/** Deliveries that a statement ended, of one contract. */
export type EndedCount = { contract: string; count: number };

/** The rows of a statement that ended deliveries: how many, by contract. `ended` has their team_id and subscription_id. */
export const countingEnded = (ended: SqlPart): SqlPart => part`
  select s.contract, count(*)::int as count
  from ${ended} ended_now
  join subscriptions s on s.team_id = ended_now.team_id and s.id = ended_now.subscription_id
  group by s.contract`;

/** Reports deliveries that a committed statement ended, and returns how many. */
export function tellEnded(
  counts: readonly EndedCount[],
  errorCode: string,
  onEnded: OnEnded | undefined,
): number {
  let total = 0;
  for (const { contract, count } of counts) {
    onEnded?.({ contract, errorCode, count });
    total += count;
  }
  return total;
}
