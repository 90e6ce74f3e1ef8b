import type { StepStatus } from "../domain/facts.ts";
import type { Step } from "../domain/lifecycle/step.ts";
import { byteaArray, int4Array, textArray, timestampArray } from "./arrays.ts";
import type { Listed } from "./lists.ts";
import type { Database } from "./pool.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import {
  markedBy,
  type Order,
  readCountedWalk,
  stillToTell,
  timeOf,
  timeText,
  type Walked,
  type WalkPage,
} from "./walks.ts";
import {
  fromDigests,
  fromJsonText,
  pageDocumentBytesMax,
  toDigests,
  toJsonText,
  type WithHeldDocuments,
} from "./workflows.ts";

/** The key of a step: its team, its run and its id. */
export type StepKey = { teamId: string; runId: string; id: string };

type StepRow = {
  team_id: string;
  run_id: string;
  id: string;
  name: string;
  index: number | null;
  attempt: number;
  status: StepStatus;
  output: Buffer | null;
  error: Buffer | null;
  earlier: Buffer | null;
  started_at: Date;
  completed_at: Date | null;
  created_by: string;
  updated_by: string;
  created_at: Date;
  updated_at: Date;
};

const toStep = (row: StepRow): Step => ({
  teamId: row.team_id,
  runId: row.run_id,
  id: row.id,
  name: row.name,
  index: row.index,
  attempt: row.attempt,
  status: row.status,
  output: toJsonText(row.output),
  error: toJsonText(row.error),
  earlier: toDigests(row.earlier),
  startedAt: row.started_at,
  completedAt: row.completed_at,
  createdBy: row.created_by,
  updatedBy: row.updated_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Reads steps. The caller holds the locks of their runs, which guard them too. */
export async function readSteps(tx: Tx, keys: readonly StepKey[]): Promise<Step[]> {
  const rows = await tx("read_steps")<StepRow>`
    select
      s.team_id, s.run_id, s.id, s.name, s.index, s.attempt, s.status, s.output, s.error,
      s.earlier, s.started_at, s.completed_at, s.created_by, s.updated_by, s.created_at,
      s.updated_at
    from unnest(
      ${textArray(keys.map((key) => key.teamId))}::text[],
      ${textArray(keys.map((key) => key.runId))}::text[],
      ${textArray(keys.map((key) => key.id))}::text[]) as k (team_id, run_id, id)
    join steps s on s.team_id = k.team_id and s.run_id = k.run_id and s.id = k.id`;
  return rows.map(toStep);
}

/** Inserts new steps and updates known ones. The caller holds the locks of their runs. */
export async function saveSteps(tx: Tx, steps: readonly Step[]): Promise<void> {
  await tx("save_steps")`
    insert into steps (team_id, run_id, id, name, index, attempt, status, output, error, started_at,
      completed_at, created_by, updated_by, created_at, updated_at)
    select * from unnest(
      ${textArray(steps.map((s) => s.teamId))}::text[],
      ${textArray(steps.map((s) => s.runId))}::text[],
      ${textArray(steps.map((s) => s.id))}::text[],
      ${textArray(steps.map((s) => s.name))}::text[],
      ${int4Array(steps.map((s) => s.index))}::int4[],
      ${int4Array(steps.map((s) => s.attempt))}::int4[],
      ${textArray(steps.map((s) => s.status))}::text[],
      ${byteaArray(steps.map((s) => fromJsonText(s.output)))}::bytea[],
      ${byteaArray(steps.map((s) => fromJsonText(s.error)))}::bytea[],
      ${timestampArray(steps.map((s) => s.startedAt))}::timestamptz[],
      ${timestampArray(steps.map((s) => s.completedAt))}::timestamptz[],
      ${textArray(steps.map((s) => s.createdBy))}::text[],
      ${textArray(steps.map((s) => s.updatedBy))}::text[],
      ${timestampArray(steps.map((s) => s.createdAt))}::timestamptz[],
      ${timestampArray(steps.map((s) => s.updatedAt))}::timestamptz[])
    on conflict (team_id, run_id, id) do update set
      name = excluded.name, index = excluded.index, attempt = excluded.attempt,
      status = excluded.status, started_at = excluded.started_at,
      place = case when steps.index is distinct from excluded.index then coalesce(steps.place, steps.index, 2147483647)
                   else steps.place end,
      output = excluded.output, error = excluded.error, completed_at = excluded.completed_at,
      updated_by = excluded.updated_by, updated_at = excluded.updated_at`;
}

/** Stores the digests that recognise repeats of earlier states and attempts, for the few steps that have any. */
export async function keepEarlierOfSteps(tx: Tx, steps: readonly Step[]): Promise<void> {
  await tx`
    update steps s set earlier = n.earlier
    from unnest(
      ${textArray(steps.map((s) => s.teamId))}::text[],
      ${textArray(steps.map((s) => s.runId))}::text[],
      ${textArray(steps.map((s) => s.id))}::text[],
      ${byteaArray(steps.map((s) => fromDigests(s.earlier)))}::bytea[])
      as n (team_id, run_id, id, earlier)
    where s.team_id = n.team_id and s.run_id = n.run_id and s.id = n.id`;
}

/** Finds a step of a run. */
export async function findStep(
  sql: Sql,
  { teamId, runId, id }: StepKey,
): Promise<Step | undefined> {
  const [row] = await sql<StepRow>`
    select * from steps where team_id = ${teamId} and run_id = ${runId} and id = ${id}`;
  return row && toStep(row);
}

type ListedStepRow = StepRow & { omitted: boolean; held: string[] };

/** A step's first index: the index may change, and a walk must not miss the step because of that. */
const place = part`coalesce(place, index, 2147483647)`;

const byPlace: Order = {
  row: part`array[${place}::text, ${timeText(part`created_at`)}, id]`,
  behind: ([first, createdAt, id]) =>
    part`(${place}, created_at, id) > (${first}::int4, ${timeOf(createdAt)}, ${id})`,
};

/**
 * Lists a run's steps by the index of their first report, steps without an index last; without their documents if these
 * are not requested.
 */
export async function listSteps(
  database: Database,
  { teamId, runId }: Pick<StepKey, "teamId" | "runId">,
  page: WalkPage & { withDocuments: boolean },
): Promise<Walked<Listed<WithHeldDocuments<Step>>>> {
  const { rows, ...total } = await readCountedWalk<ListedStepRow>(database, page, {
    page: (sql) => sql<ListedStepRow>`
      with page as (
        select *, ${markedBy(byPlace)} from steps
        where team_id = ${teamId} and run_id = ${runId} and ${stillToTell(byPlace, page.after)}
        order by ${place}, created_at, id
        limit ${page.limit + 1} offset ${page.offset}
      ), sized as (
        select *, not ${page.withDocuments} or
                  sum(coalesce(octet_length(output), 0) + coalesce(octet_length(error), 0))
                    over (order by ${place}, created_at, id) > ${pageDocumentBytesMax}
                    as omitted
        from page
      )
      select team_id, run_id, id, name, index, attempt, status, started_at, completed_at, created_by,
             updated_by, created_at, updated_at, omitted, null::bytea as earlier, walk_row, walk_start,
             case when not omitted then output end as output,
             case when not omitted then error end as error,
             array_remove(array[
               case when output is not null then 'output' end,
               case when error is not null then 'error' end], null) as held
      from sized
      order by ${place}, created_at, id`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (
        select id from steps where team_id = ${teamId} and run_id = ${runId} limit ${limit}
      ) matching`,
  });
  return {
    rows: rows.map((row) => ({
      subject: toStep(row),
      documentsOmitted: page.withDocuments && row.omitted,
      held: row.held,
    })),
    ...total,
  };
}
