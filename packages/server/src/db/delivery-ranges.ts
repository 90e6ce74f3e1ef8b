import { allContracts } from "../domain/contracts/all-contracts.ts";
import { listenerContract, listenerEventTypes } from "../domain/listeners.ts";
import { allOf, joined, part, type Sql, type SqlPart } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";

/** So many ranges are merged in one statement; planning it takes 0.1 ms for each of them. */
const mergedMax = 100;

/** Of which kinds deliveries are sought; null asks for all. */
type SoughtKinds = { subscriptionId: string | null; eventType: string | null };

/** Ranges of an index, in each of which deliveries lie in the order of their ids: those of a kind, or of a workflow. */
export type IndexRanges = {
  /** The condition under which a delivery `d` lies in each of them; null: they are too many to be merged. */
  few: SqlPart[] | null;
  /** All of them as rows, `from … `; the condition under which `d` lies in such a row's; and which rows count. */
  all: { from: SqlPart; holds: SqlPart; where: SqlPart };
};

/** The ranges of these workflows' deliveries: contract A's, as no other delivery carries its workflow. */
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

/** A kind is a subscription and an event type. */
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

/** What is read in ranges: columns of the deliveries `d` that are wanted. */
type Read = { columns: SqlPart; wanted: SqlPart };

/**
 * Reads what lies in ranges, as `from … where …`: with an order by id and a limit behind it, the newest.
 *
 * Few ranges are merged by PostgreSQL, and it reads no further than that limit; of each of many the newest are read, so
 * many as could be asked for: `limit`, null for all.
 */
export function newestIn(
  teamId: string,
  ranges: IndexRanges,
  { columns, wanted, limit }: Read & { limit: number | null },
): SqlPart {
  if (ranges.few === null) return eachIn(teamId, ranges, { columns, wanted, limit });
  const branches = ranges.few.map(
    // Unless each asks for the order, PostgreSQL does not see that all of them have it.
    (range) => part`
      (select ${columns} from deliveries d where d.team_id = ${teamId} and ${range} and ${wanted}
       order by d.id desc)`,
  );
  // Without any the statement must still be one.
  const none = part`select ${columns} from deliveries d where false`;
  return part`from (${joined(branches.length > 0 ? branches : [none], " union all ")}) d where true`;
}

/** Reads range after range, the newest of each, as `from … where …`; null: all of them. */
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

/** The condition under which a subscription `s` is the owner's, and the one asked for. */
export const ownBy = ({ teamId, contract }: SubscriptionOwner, { subscriptionId }: SoughtKinds) =>
  allOf([
    part`s.team_id = ${teamId} and s.contract = ${contract}`,
    subscriptionId !== null && part`s.id = ${subscriptionId}`,
  ]);

/** The event types that a contract's deliveries may have. */
export function eventTypesOf(contract: string): readonly string[] {
  if (contract === listenerContract) return listenerEventTypes;
  return allContracts.find(({ name }) => name === contract)?.eventTypes ?? [];
}
