import { allContracts } from "../domain/contracts/all-contracts.ts";
import { listenerContract, listenerEventTypes } from "../domain/listeners.ts";
import { allOf, joined, part, type Sql, type SqlPart } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";

/** The most ranges that one statement merges; the plan takes 0.1 ms for each range. */
const mergedMax = 100;

/** The kinds of deliveries to find; null: all. */
type SoughtKinds = { subscriptionId: string | null; eventType: string | null };

/** Ranges of an index, each with the deliveries of a kind or of a workflow in the order of their ids. */
export type IndexRanges = {
  /** For each range, the condition for a delivery `d` in it; null: too many ranges to merge. */
  few: SqlPart[] | null;
  /** All ranges as rows (`from …`), the condition for a `d` in such a row's range, and the condition for the rows. */
  all: { from: SqlPart; holds: SqlPart; where: SqlPart };
};

/** The ranges of these workflows' deliveries in contract A: other deliveries do not store their workflow. */
export function rangesOfWorkflows(ids: readonly string[]): IndexRanges {
  return {
    few: ids.length > mergedMax ? null : ids.map((id) => part`d.workflow_id = ${id}`),
    all: {
      from: part`unnest(${ids}::text[]) as workflow (id)`,
      holds: part`d.workflow_id = workflow.id`,
      where: part`true`,
    },
  };
}

/** The ranges of kinds; a kind is a subscription and an event type. */
export async function rangesOfKinds(
  sql: Sql,
  owner: SubscriptionOwner,
  sought: SoughtKinds,
): Promise<IndexRanges> {
  const { contract } = owner;
  const types = sought.eventType === null ? eventTypesOf(contract) : [sought.eventType];
  const most = Math.floor(mergedMax / types.length);
  const own = ownBy(owner, sought);
  const subscriptions = await sql<{ id: string }>`
    select s.id from subscriptions s where ${own} limit ${most + 1}`;
  const few = subscriptions.flatMap(({ id }) =>
    types.map((type) => part`d.subscription_id = ${id} and d.event_type = ${type}`),
  );
  return {
    few: subscriptions.length > most ? null : few,
    all: {
      from: part`subscriptions s cross join unnest(${types}::text[]) as kind (event_type)`,
      holds: part`d.subscription_id = s.id and d.event_type = kind.event_type`,
      where: own,
    },
  };
}

/** What to read in ranges: columns of deliveries `d`, and the condition for them. */
type Read = { columns: SqlPart; wanted: SqlPart };

/**
 * Reads deliveries in ranges, as `from … where …`; with an order by id and a limit after it, the newest.
 *
 * PostgreSQL merges a few ranges, and reads no further than that limit. With many ranges, the newest `limit` deliveries
 * of each are read; null: all.
 */
export function newestIn(
  teamId: string,
  ranges: IndexRanges,
  { columns, wanted, limit }: Read & { limit: number | null },
): SqlPart {
  if (ranges.few === null) return eachIn(teamId, ranges, { columns, wanted, limit });
  const branches = ranges.few.map(
    // Each part needs its own order by, otherwise PostgreSQL does not see that all parts are sorted.
    (range) => part`
      (select ${columns} from deliveries d where d.team_id = ${teamId} and ${range} and ${wanted}
       order by d.id desc)`,
  );
  // Without ranges, the statement must still be valid.
  const none = part`select ${columns} from deliveries d where false`;
  return part`from (${joined(branches.length > 0 ? branches : [none], " union all ")}) d where true`;
}

/** Reads one range after the other, the newest of each, as `from … where …`; null: all. */
export const eachIn = (
  teamId: string,
  { all: { from, holds, where } }: IndexRanges,
  { columns, wanted, limit }: Read & { limit: number | null },
): SqlPart => part`
  from ${from}
  cross join lateral (
    select ${columns} from deliveries d
    where d.team_id = ${teamId} and ${holds} and ${wanted}
    order by d.id desc limit ${limit}
  ) d
  where ${where}`;

/** The condition for a subscription `s` of the owner that the filter wants. */
export const ownBy = ({ teamId, contract }: SubscriptionOwner, { subscriptionId }: SoughtKinds) =>
  allOf([
    part`s.team_id = ${teamId} and s.contract = ${contract}`,
    subscriptionId !== null && part`s.id = ${subscriptionId}`,
  ]);

/** The event types that a contract's deliveries can have. */
export function eventTypesOf(contract: string): readonly string[] {
  if (contract === listenerContract) return listenerEventTypes;
  return allContracts.find(({ name }) => name === contract)?.eventTypes ?? [];
}
