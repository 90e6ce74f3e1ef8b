import type { DeliveryStatus } from "../domain/delivery.ts";
import { textArray, uuidArray } from "./arrays.ts";
import { eventTypesOf } from "./delivery-ranges.ts";
import { common, type Sought, statusesOf } from "./delivery-sought.ts";
import { allOf, part, type Sql, type SqlPart } from "./sql.ts";

const isOpen = (status: DeliveryStatus): boolean => status === "pending" || status === "retrying";

/** The most unfinished deliveries that are looked up one by one. */
const openMax = 20_000;

/** Chooses the index ranges that contain the wanted deliveries, each as a condition. No delivery is in two ranges. */
export async function rangesOf(sql: Sql, teamId: string, sought: Sought): Promise<SqlPart[]> {
  const { eventIds, deliveryIds } = sought;
  const statuses = statusesOf(sought);
  if (eventIds !== null) return [part`d.event_id = any(${uuidArray(eventIds)}::uuid[])`];
  if (deliveryIds !== null) return [part`d.id = any(${textArray(deliveryIds)}::text[])`];
  const ranges = await rangesOfAnyStatus(sql, teamId, sought);
  if (statuses === null || statuses.includes("delivered")) return ranges;
  const failed = ranges.map((range) => part`${range} and d.failed_at is not null`);
  if (!statuses.some(isOpen)) return failed;
  const open = await listOpen(sql, teamId, sought);
  if (open === null) return ranges;
  const named = part`d.finished_at is null and d.id = any(${textArray(open)}::text[])`;
  return [named, ...(statuses.includes("failed") ? failed : [])];
}

/**
 * Lists the ids of unfinished deliveries; null when there are too many. Each is in the index of due deliveries, or has a
 * hot lease since it was made.
 */
async function listOpen(
  sql: Sql,
  teamId: string,
  { subscriptionIds }: Sought,
): Promise<string[] | null> {
  const own = allOf([
    part`s.team_id = ${teamId}`,
    subscriptionIds !== null && part`s.id = any(${textArray(subscriptionIds)}::text[])`,
  ]);
  const rows = await sql<{ id: string }>`
    (select d.id from subscriptions s
     cross join lateral (
       select d.id from deliveries d
       where d.team_id = s.team_id and d.subscription_id = s.id and d.due_at is not null
       limit ${openMax + 1}
     ) d
     where ${own} limit ${openMax + 1})
    union all
    (select d.id from hot_leases
     cross join lateral unnest(team_ids, delivery_ids) as held (team_id, id)
     join deliveries d on d.team_id = held.team_id and d.id = held.id
     where held.team_id = ${teamId} and d.due_at is null and d.finished_at is null
     limit ${openMax + 1})`;
  return rows.length > openMax ? null : rows.map(({ id }) => id);
}

/** The most ranges that one statement merges; the plan takes 0.1 ms for each range. */
const mergedMax = 100;

async function rangesOfAnyStatus(sql: Sql, teamId: string, sought: Sought): Promise<SqlPart[]> {
  const all = [part`true`];
  const { subscriptionIds, contracts, eventTypes, workflowId, workflowIds, ofRuns } = sought;
  if (workflowIds !== null && workflowIds.length <= mergedMax) {
    return workflowIds.map((id) => part`d.workflow_id = ${id}`);
  }
  if (workflowId !== null) {
    // Only contract A stores the workflow with its deliveries. In contract B they are found by the workflow's runs.
    const ofWorkflow = part`d.workflow_id = ${workflowId}`;
    if (ofRuns !== null) {
      const others = part`d.workflow_id is null and d.event_id = any(${uuidArray(ofRuns)}::uuid[])`;
      return [ofWorkflow, others];
    }
    // With too many runs, the events themselves are read.
    const ofB = { ...sought, contracts: common(contracts, ["organisation"]) };
    const others = await rangesOfKinds(sql, teamId, ofB);
    return others === null ? all : [ofWorkflow, ...others];
  }
  if (subscriptionIds === null && contracts === null && eventTypes === null) return all;
  return (await rangesOfKinds(sql, teamId, sought)) ?? all;
}

/** The ranges of these subscriptions' event types; null: too many to merge. */
async function rangesOfKinds(
  sql: Sql,
  teamId: string,
  { subscriptionIds, contracts, eventTypes }: Sought,
): Promise<SqlPart[] | null> {
  const own = allOf([
    part`s.team_id = ${teamId}`,
    subscriptionIds !== null && part`s.id = any(${textArray(subscriptionIds)}::text[])`,
    contracts !== null && part`s.contract = any(${textArray(contracts)}::text[])`,
  ]);
  const rows = await sql<{ id: string; contract: string }>`
    select s.id, s.contract from subscriptions s where ${own} order by s.id limit ${mergedMax + 1}`;
  if (rows.length > mergedMax) return null;
  const kinds = rows.flatMap(({ id, contract }) =>
    eventTypesOf(contract)
      .filter((type) => eventTypes?.includes(type) ?? true)
      .map((type) => part`d.subscription_id = ${id} and d.event_type = ${type}`),
  );
  return kinds.length > mergedMax ? null : kinds;
}
