import type { JsonText } from "../domain/json-text.ts";
import type { Version, Workflow } from "../domain/lifecycle/workflow.ts";
import { textValue, valueText } from "../sealed-values.ts";
import { boolArray, byteaArray, int4Array, textArray, timestampArray } from "./arrays.ts";
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

export type WorkflowRow = {
  team_id: string;
  id: string;
  name: string;
  description: string | null;
  configuration: Buffer | null;
  settings: Buffer | null;
  revision: number;
  version_number: number;
  version_name: string | null;
  created_as: Buffer | null;
  created_by: string;
  updated_by: string;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
};

/** The key of a subject: its team and its id. */
export type TeamKey = { teamId: string; id: string };

export function toWorkflow(row: WorkflowRow): Workflow {
  return {
    teamId: row.team_id,
    id: row.id,
    name: row.name,
    description: row.description,
    configuration: toJsonText(row.configuration),
    settings: toJsonText(row.settings),
    revision: row.revision,
    versionNumber: row.version_number,
    versionName: row.version_name,
    createdAs: toDigests(row.created_as),
    createdBy: row.created_by,
    updatedBy: row.updated_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
  };
}

/** Reads a body column: the exact text of valid JSON, or a sealed value (see sealed-values.ts). */
export const toJsonText = (bytes: Buffer | null): JsonText | null =>
  bytes === null ? null : (valueText(bytes) as JsonText);

/** Writes a body column. */
export const fromJsonText = (text: JsonText | null): Buffer | null =>
  text === null ? null : textValue(text);

/** Reads a column of digests (see domain/repeats.ts), which may be sealed like any other document. */
export const toDigests = (bytes: Buffer | null): string | null =>
  bytes === null ? null : valueText(bytes);

/** Writes a column of digests. */
export const fromDigests = (digests: string | null): Buffer | null =>
  digests === null ? null : textValue(digests);

/** By name, as every prepared statement has them: see `Sql`. */
const workflowColumns = part`w.team_id, w.id, w.name, w.description, w.configuration, w.settings,
  w.revision, w.version_number, w.version_name, w.created_as, w.created_by, w.updated_by, w.created_at,
  w.updated_at, w.deleted_at`;

/** Locks workflows for a change, in id order, so that batches cannot deadlock. */
export async function lockWorkflows(tx: Tx, keys: readonly TeamKey[]): Promise<Workflow[]> {
  const rows = await tx("lock_workflows")<WorkflowRow>`
    select ${workflowColumns}
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join workflows w on w.team_id = k.team_id and w.id = k.id
    order by w.team_id, w.id
    for no key update of w`;
  return rows.map(toWorkflow);
}

/** Locks workflows against deletion, so that a run cannot start in a deleted workflow. */
export async function shareWorkflows(tx: Tx, keys: readonly TeamKey[]): Promise<Workflow[]> {
  const rows = await tx("share_workflows")<WorkflowRow>`
    select ${workflowColumns}
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join workflows w on w.team_id = k.team_id and w.id = k.id
    order by w.team_id, w.id
    for share of w`;
  return rows.map(toWorkflow);
}

/** Reads the workflows of runs, deleted ones included. */
export async function readWorkflowsOfRuns(tx: Tx, runs: readonly TeamKey[]): Promise<Workflow[]> {
  // The runs first: in the other order, every run of their workflows would be read.
  const rows = await tx("read_workflows_of_runs")<WorkflowRow>`
    with named as materialized (
      select distinct r.team_id, r.workflow_id
      from unnest(${teamIds(runs)}::text[], ${ids(runs)}::text[]) as k (team_id, id)
      join runs r on r.team_id = k.team_id and r.id = k.id
    )
    select ${workflowColumns}
    from named join workflows w on w.team_id = named.team_id and w.id = named.workflow_id`;
  return rows.map(toWorkflow);
}

/**
 * Inserts new workflows. A workflow that another process inserted meanwhile is a duplicate: the caller starts over and
 * finds it.
 */
export async function insertWorkflows(tx: Tx, workflows: readonly Workflow[]): Promise<void> {
  await tx("insert_workflows")`
    insert into workflows (team_id, id, name, description, configuration, settings, revision,
      version_number, version_name, created_by, updated_by, created_at, updated_at)
    select * from unnest(
      ${textArray(workflows.map((w) => w.teamId))}::text[],
      ${textArray(workflows.map((w) => w.id))}::text[],
      ${textArray(workflows.map((w) => w.name))}::text[],
      ${textArray(workflows.map((w) => w.description))}::text[],
      ${byteaArray(workflows.map((w) => fromJsonText(w.configuration)))}::bytea[],
      ${byteaArray(workflows.map((w) => fromJsonText(w.settings)))}::bytea[],
      ${int4Array(workflows.map((w) => w.revision))}::int4[],
      ${int4Array(workflows.map((w) => w.versionNumber))}::int4[],
      ${textArray(workflows.map((w) => w.versionName))}::text[],
      ${textArray(workflows.map((w) => w.createdBy))}::text[],
      ${textArray(workflows.map((w) => w.updatedBy))}::text[],
      ${timestampArray(workflows.map((w) => w.createdAt))}::timestamptz[],
      ${timestampArray(workflows.map((w) => w.updatedAt))}::timestamptz[])`;
}

/** Writes the new state of known workflows. The caller holds their locks. */
export async function updateWorkflows(tx: Tx, workflows: readonly Workflow[]): Promise<void> {
  await tx("update_workflows")`
    update workflows w
    set name = n.name, description = n.description, configuration = n.configuration,
        settings = n.settings, revision = n.revision, version_number = n.version_number,
        version_name = n.version_name, created_as = n.created_as, updated_by = n.updated_by,
        updated_at = n.updated_at, deleted_at = n.deleted_at
    from unnest(
      ${textArray(workflows.map((w) => w.teamId))}::text[],
      ${textArray(workflows.map((w) => w.id))}::text[],
      ${textArray(workflows.map((w) => w.name))}::text[],
      ${textArray(workflows.map((w) => w.description))}::text[],
      ${byteaArray(workflows.map((w) => fromJsonText(w.configuration)))}::bytea[],
      ${byteaArray(workflows.map((w) => fromJsonText(w.settings)))}::bytea[],
      ${int4Array(workflows.map((w) => w.revision))}::int4[],
      ${int4Array(workflows.map((w) => w.versionNumber))}::int4[],
      ${textArray(workflows.map((w) => w.versionName))}::text[],
      ${byteaArray(workflows.map((w) => fromDigests(w.createdAs)))}::bytea[],
      ${textArray(workflows.map((w) => w.updatedBy))}::text[],
      ${timestampArray(workflows.map((w) => w.updatedAt))}::timestamptz[],
      ${timestampArray(workflows.map((w) => w.deletedAt))}::timestamptz[])
      as n (team_id, id, name, description, configuration, settings, revision, version_number,
            version_name, created_as, updated_by, updated_at, deleted_at)
    where w.team_id = n.team_id and w.id = n.id`;
}

/** Reads every version of the given workflows. */
export async function readVersions(
  tx: Tx,
  keys: readonly TeamKey[],
): Promise<(Version & { teamId: string; workflowId: string })[]> {
  return await tx("read_versions")<Version & { teamId: string; workflowId: string }>`
    select v.team_id as "teamId", v.workflow_id as "workflowId", v.id, v.number, v.name,
           v.marked_active as "markedActive"
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join workflow_versions v on v.team_id = k.team_id and v.workflow_id = k.id`;
}

/** Writes new versions. */
export async function insertVersions(
  tx: Tx,
  versions: readonly (Version & { teamId: string; workflowId: string; createdBy: string })[],
): Promise<void> {
  await tx("insert_versions")`
    insert into workflow_versions (team_id, workflow_id, number, id, name, marked_active, created_by,
      created_at)
    select *, now() from unnest(
      ${textArray(versions.map((v) => v.teamId))}::text[],
      ${textArray(versions.map((v) => v.workflowId))}::text[],
      ${int4Array(versions.map((v) => v.number))}::int4[],
      ${textArray(versions.map((v) => v.id))}::text[],
      ${textArray(versions.map((v) => v.name))}::text[],
      ${boolArray(versions.map((v) => v.markedActive === true))}::bool[],
      ${textArray(versions.map((v) => v.createdBy))}::text[])`;
}

export const teamIds = (keys: readonly TeamKey[]): Buffer =>
  textArray(keys.map((key) => key.teamId));
export const ids = (keys: readonly TeamKey[]): Buffer => textArray(keys.map((key) => key.id));

/** Finds a workflow that is not deleted. */
export async function findWorkflow(
  sql: Sql,
  teamId: string,
  id: string,
): Promise<Workflow | undefined> {
  const [row] = await sql<WorkflowRow>`
    select * from workflows where team_id = ${teamId} and id = ${id} and deleted_at is null`;
  return row && toWorkflow(row);
}

/** The most bytes of configuration, settings, input, output … in one page of a list. */
export const pageDocumentBytesMax = 16 * 1024 * 1024;

/** A row of a list; beyond the page's byte limit its free-form documents are null. */
export type WithDocuments<Subject> = { subject: Subject; documentsOmitted: boolean };

/** The same, with the names of its documents, read or not. */
export type WithHeldDocuments<Subject> = WithDocuments<Subject> & { held: string[] };

/** Lists workflows that are not deleted, newest first; `search`: part of the name, case-insensitive. */
export async function listWorkflows(
  database: Database,
  teamId: string,
  filter: { search: string | null },
  page: WalkPage,
): Promise<Walked<Listed<WithDocuments<Workflow>>>> {
  const { rows, ...total } = await readCountedWalk<WorkflowRow & { omitted: boolean }>(
    database,
    page,
    {
      page: (sql) => sql<WorkflowRow & { omitted: boolean }>`
      with page as (
        select *, ${markedBy(byId)} from workflows
        where team_id = ${teamId} and deleted_at is null and ${stillToTell(byId, page.after)}
          and (${filter.search}::text is null or strpos(lower(name), lower(${filter.search})) > 0)
        order by id desc
        limit ${page.limit + 1} offset ${page.offset}
      ), sized as (
        select *, sum(coalesce(octet_length(configuration), 0) + coalesce(octet_length(settings), 0))
                    over (order by id desc) > ${pageDocumentBytesMax} as omitted
        from page
      )
      select team_id, id, name, description, revision, version_number, version_name, created_by,
             null::bytea as created_as, updated_by, created_at, updated_at, deleted_at, omitted, walk_row, walk_start,
             case when not omitted then configuration end as configuration,
             case when not omitted then settings end as settings
      from sized
      order by id desc`,
      count: (sql, limit) => sql`
      select count(*)::int as count from (
        select id from workflows
        where team_id = ${teamId} and deleted_at is null
          and (${filter.search}::text is null or strpos(lower(name), lower(${filter.search})) > 0)
        limit ${limit}
      ) matching`,
    },
  );
  return {
    rows: rows.map((row) => ({ subject: toWorkflow(row), documentsOmitted: row.omitted })),
    ...total,
  };
}
