import type { RunStatus, RunTrigger } from "../domain/facts.ts";
import type { Run } from "../domain/lifecycle/run.ts";
import { byteaArray, int4Array, textArray, timestampArray } from "./arrays.ts";
import type { Listed } from "./lists.ts";
import type { Database } from "./pool.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import {
  byId,
  markedBy,
  readCountedWalk,
  stillToTell,
  type Walked,
  type WalkPage,
} from "./walks.ts";
import {
  fromDigests,
  fromJsonText,
  ids,
  pageDocumentBytesMax,
  type TeamKey,
  teamIds,
  toDigests,
  toJsonText,
  type WithHeldDocuments,
} from "./workflows.ts";

export type RunRow = {
  team_id: string;
  id: string;
  workflow_id: string;
  status: RunStatus;
  trigger: RunTrigger;
  version_number: number;
  input: Buffer | null;
  output: Buffer | null;
  collected_information: Buffer | null;
  error: Buffer | null;
  earlier: Buffer | null;
  termination_source: string | null;
  timeout_seconds: number | null;
  deadline_at: Date | null;
  started_at: Date;
  completed_at: Date | null;
  created_by: string;
  updated_by: string;
  created_at: Date;
  updated_at: Date;
};

export function toRun(row: RunRow): Run {
  return {
    teamId: row.team_id,
    id: row.id,
    workflowId: row.workflow_id,
    status: row.status,
    trigger: row.trigger,
    versionNumber: row.version_number,
    input: toJsonText(row.input),
    output: toJsonText(row.output),
    collectedInformation: toJsonText(row.collected_information),
    error: toJsonText(row.error),
    earlier: toDigests(row.earlier),
    terminationSource: row.termination_source,
    timeoutSeconds: row.timeout_seconds,
    deadlineAt: row.deadline_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    createdBy: row.created_by,
    updatedBy: row.updated_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Locks runs for a change, in id order, so that batches cannot deadlock. */
export async function lockRuns(tx: Tx, keys: readonly TeamKey[]): Promise<Run[]> {
  const rows = await tx("lock_runs")<RunRow>`
    select
      r.team_id, r.id, r.workflow_id, r.status, r.trigger, r.version_number, r.input, r.output,
      r.collected_information, r.error, r.earlier, r.termination_source, r.timeout_seconds,
      r.deadline_at, r.started_at, r.completed_at, r.created_by, r.updated_by, r.created_at,
      r.updated_at
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join runs r on r.team_id = k.team_id and r.id = k.id
    order by r.team_id, r.id
    for no key update of r`;
  return rows.map(toRun);
}

/** Lists the ids of unfinished runs of workflows that are being deleted, up to `limit` of each and twice that in all. */
export async function listUnfinishedRuns(
  tx: Tx,
  workflows: readonly TeamKey[],
  limit: number,
): Promise<TeamKey[]> {
  return await tx<TeamKey>`
    select r.team_id as "teamId", r.id
    from unnest(${teamIds(workflows)}::text[], ${ids(workflows)}::text[]) as k (team_id, id)
    cross join lateral (
      select team_id, id from runs
      where team_id = k.team_id and workflow_id = k.id and completed_at is null
      limit ${limit}
    ) r
    limit ${limit * 2}`;
}

/** Inserts new runs. A run that another process inserted meanwhile is a duplicate: the caller starts over and finds it. */
export async function insertRuns(tx: Tx, runs: readonly Run[]): Promise<void> {
  await tx("insert_runs")`
    insert into runs (team_id, id, workflow_id, status, trigger, version_number, input, output,
      collected_information, error, termination_source, timeout_seconds, deadline_at, started_at,
      completed_at, created_by, updated_by, created_at, updated_at)
    select
      unnest(${textArray(runs.map((r) => r.teamId))}::text[]),
      unnest(${textArray(runs.map((r) => r.id))}::text[]),
      unnest(${textArray(runs.map((r) => r.workflowId))}::text[]),
      unnest(${textArray(runs.map((r) => r.status))}::text[]),
      unnest(${textArray(runs.map((r) => r.trigger))}::text[]),
      unnest(${int4Array(runs.map((r) => r.versionNumber))}::int4[]),
      unnest(${byteaArray(runs.map((r) => fromJsonText(r.input)))}::bytea[]),
      unnest(${byteaArray(runs.map((r) => fromJsonText(r.output)))}::bytea[]),
      unnest(${byteaArray(runs.map((r) => fromJsonText(r.collectedInformation)))}::bytea[]),
      unnest(${byteaArray(runs.map((r) => fromJsonText(r.error)))}::bytea[]),
      unnest(${textArray(runs.map((r) => r.terminationSource))}::text[]),
      unnest(${int4Array(runs.map((r) => r.timeoutSeconds))}::int4[]),
      unnest(${timestampArray(runs.map((r) => r.deadlineAt))}::timestamptz[]),
      unnest(${timestampArray(runs.map((r) => r.startedAt))}::timestamptz[]),
      unnest(${timestampArray(runs.map((r) => r.completedAt))}::timestamptz[]),
      unnest(${textArray(runs.map((r) => r.createdBy))}::text[]),
      unnest(${textArray(runs.map((r) => r.updatedBy))}::text[]),
      unnest(${timestampArray(runs.map((r) => r.createdAt))}::timestamptz[]),
      unnest(${timestampArray(runs.map((r) => r.updatedAt))}::timestamptz[])`;
}

/** Writes the new state of known runs. The caller holds their locks. */
export async function updateRuns(tx: Tx, runs: readonly Run[]): Promise<void> {
  await tx("update_runs")`
    update runs r
    set status = n.status, output = n.output, collected_information = n.collected_information,
        error = n.error, termination_source = n.termination_source, completed_at = n.completed_at,
        updated_by = n.updated_by, updated_at = n.updated_at
    from unnest(
      ${textArray(runs.map((r) => r.teamId))}::text[],
      ${textArray(runs.map((r) => r.id))}::text[],
      ${textArray(runs.map((r) => r.status))}::text[],
      ${byteaArray(runs.map((r) => fromJsonText(r.output)))}::bytea[],
      ${byteaArray(runs.map((r) => fromJsonText(r.collectedInformation)))}::bytea[],
      ${byteaArray(runs.map((r) => fromJsonText(r.error)))}::bytea[],
      ${textArray(runs.map((r) => r.terminationSource))}::text[],
      ${timestampArray(runs.map((r) => r.completedAt))}::timestamptz[],
      ${textArray(runs.map((r) => r.updatedBy))}::text[],
      ${timestampArray(runs.map((r) => r.updatedAt))}::timestamptz[])
      as n (team_id, id, status, output, collected_information, error, termination_source,
            completed_at, updated_by, updated_at)
    where r.team_id = n.team_id and r.id = n.id`;
}

/** Stores the digests that recognise repeats of earlier states, for the few runs that have any. */
export async function keepEarlierOfRuns(tx: Tx, runs: readonly Run[]): Promise<void> {
  await tx`
    update runs r set earlier = n.earlier
    from unnest(${teamIds(runs)}::text[], ${ids(runs)}::text[],
      ${byteaArray(runs.map((r) => fromDigests(r.earlier)))}::bytea[]) as n (team_id, id, earlier)
    where r.team_id = n.team_id and r.id = n.id`;
}

/** Finds a run, also of a deleted workflow. */
export async function findRun(sql: Sql, teamId: string, id: string): Promise<Run | undefined> {
  const [row] = await sql<RunRow>`
    select * from runs where team_id = ${teamId} and id = ${id}`;
  return row && toRun(row);
}

/** Filter of runs; null: all. `search` matches the complete id of a run or a workflow. */
export type RunFilter = {
  workflowId: string | null;
  status: RunStatus | null;
  search: string | null;
  /** Created at or after. */
  start: Date | null;
  /** Created before. */
  end: Date | null;
};

/**
 * Up to so many runs of a time are found by their time, and sorted; more are found by a walk from the newest run on, which passes
 * over what is newer than the time.
 */
const fewMax = 10_000;

type ListedRunRow = RunRow & { omitted: boolean; held: string[] };

/** Lists runs, newest first; without their documents if these are not requested. */
export async function listRuns(
  database: Database,
  teamId: string,
  { workflowId, status, search, start, end }: RunFilter,
  page: WalkPage & { withDocuments: boolean },
): Promise<Walked<Listed<WithHeldDocuments<Run>>>> {
  const matching = part`
    team_id = ${teamId}
    and (${workflowId}::text is null or workflow_id = ${workflowId})
    and (${status}::text is null or status = ${status})
    and (${search}::text is null or id = ${search} or workflow_id = ${search})
    and (${start}::timestamptz is null or created_at >= ${start})
    and (${end}::timestamptz is null or created_at < ${end})`;
  const ofPage = part`order by id desc limit ${page.limit + 1} offset ${page.offset}`;
  const toTell = stillToTell(byId, page.after);
  const walked = part`select *, ${markedBy(byId)} from runs where ${matching} and ${toTell}`;
  const ofPeriod = start !== null || end !== null;
  const pageOf = !ofPeriod
    ? part`page as (${walked} ${ofPage})`
    : part`
        few as materialized (
          select ctid as place, id, created_at, created_in from runs where ${matching} limit ${fewMax + 1}
        ), page as (
          (select *, ${markedBy(byId)} from runs
           where ctid = any(array(
             select place from few
             where ${toTell} and (select count(*) from few) <= ${fewMax}
             ${ofPage})))
          union all
          (${walked} and (select count(*) from few) > ${fewMax} ${ofPage})
        )`;
  const { rows, ...total } = await readCountedWalk<ListedRunRow>(database, page, {
    ranges: ofPeriod,
    page: (sql) => sql<ListedRunRow>`
      with ${pageOf}, sized as (
        select *, not ${page.withDocuments} or
                  sum(coalesce(octet_length(input), 0) + coalesce(octet_length(output), 0)
                      + coalesce(octet_length(collected_information), 0)
                      + coalesce(octet_length(error), 0))
                    over (order by id desc) > ${pageDocumentBytesMax} as omitted
        from page
      )
      select team_id, id, workflow_id, status, trigger, version_number, termination_source,
             timeout_seconds, deadline_at, started_at, completed_at, created_by, updated_by,
             created_at, updated_at, omitted, null::bytea as earlier, walk_row, walk_start,
             case when not omitted then input end as input,
             case when not omitted then output end as output,
             case when not omitted then collected_information end as collected_information,
             case when not omitted then error end as error,
             array_remove(array[
               case when input is not null then 'input' end,
               case when output is not null then 'output' end,
               case when collected_information is not null then 'collected_information' end,
               case when error is not null then 'error' end], null) as held
      from sized
      order by id desc`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (
        select id from runs where ${matching}
        limit ${limit}
      ) matching`,
  });
  return {
    rows: rows.map((row) => ({
      subject: toRun(row),
      documentsOmitted: page.withDocuments && row.omitted,
      held: row.held,
    })),
    ...total,
  };
}
