import type { Assistant } from "../domain/lifecycle/call.ts";
import type { Listed } from "./lists.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import { type DisabledReason, disabledReasonOf } from "./subscriptions.ts";
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
  fromJsonText,
  ids,
  pageDocumentBytesMax,
  type TeamKey,
  teamIds,
  toJsonText,
} from "./workflows.ts";

export type AssistantRow = {
  team_id: string;
  id: string;
  name: string;
  hang_timeout_seconds: number;
  end_report_wait_seconds: number;
  document: Buffer;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
};

function toAssistant(row: AssistantRow): Assistant {
  const document = toJsonText(row.document);
  if (document === null) throw new Error("an assistant has no document");
  return {
    teamId: row.team_id,
    id: row.id,
    name: row.name,
    hangTimeoutSeconds: row.hang_timeout_seconds,
    endReportWaitSeconds: row.end_report_wait_seconds,
    document,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
  };
}

/** The server of an assistant's messages, secrets sealed; an empty URL: none yet. */
export type AssistantServer = {
  enabled: boolean;
  disabledReason: DisabledReason | null;
  url: string;
  timeoutSeconds: number;
  messages: string[];
  headerNames: string[];
  sealedSecret: Buffer | null;
  sealedHeaders: Buffer | null;
};

/** An assistant with its server. */
export type ServedAssistant = { assistant: Assistant; server: AssistantServer };

type ServedRow = AssistantRow & {
  enabled: boolean;
  disabled_reason: DisabledReason | null;
  url: string;
  timeout_seconds: number;
  event_types: string[];
  header_names: string[];
  sealed_credential: Buffer | null;
  sealed_headers: Buffer | null;
};

const toServed = (row: ServedRow): ServedAssistant => ({
  assistant: toAssistant(row),
  server: {
    enabled: row.enabled,
    // A server that was never set up was not disabled.
    disabledReason: row.url === "" ? null : disabledReasonOf(row),
    url: row.url,
    timeoutSeconds: row.timeout_seconds,
    messages: row.event_types,
    headerNames: row.header_names,
    sealedSecret: row.sealed_credential,
    sealedHeaders: row.sealed_headers,
  },
});

/** Reads assistants, deleted ones included. */
export async function readAssistants(tx: Tx, keys: readonly TeamKey[]): Promise<Assistant[]> {
  const rows = await tx("read_assistants")<AssistantRow>`
    select
      a.team_id, a.id, a.name, a.hang_timeout_seconds, a.end_report_wait_seconds, a.document,
      a.created_at, a.updated_at, a.deleted_at
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join assistants a on a.team_id = k.team_id and a.id = k.id`;
  return rows.map(toAssistant);
}

/** A new assistant, secrets sealed. */
export type NewAssistant = Pick<
  Assistant,
  "teamId" | "id" | "name" | "hangTimeoutSeconds" | "endReportWaitSeconds" | "document"
> & { server: AssistantServer; sealedSigningSecret: Buffer; actor: string };

/** Inserts an assistant and its server; false when the id exists already, as on the repeat of a request. */
export async function insertAssistant(tx: Tx, assistant: NewAssistant): Promise<boolean> {
  const { teamId, id, name, server, actor } = assistant;
  const inserted = await tx`
    insert into assistants (team_id, id, name, hang_timeout_seconds, end_report_wait_seconds,
      document, created_by, updated_by)
    values (${teamId}, ${id}, ${name}, ${assistant.hangTimeoutSeconds},
      ${assistant.endReportWaitSeconds}, ${fromJsonText(assistant.document)}, ${actor}, ${actor})
    on conflict (team_id, id) do nothing
    returning id`;
  if (inserted.length === 0) return false;
  await tx`
    insert into subscriptions (team_id, id, contract, subject_id, name, url, event_types, enabled,
      timeout_seconds, max_retries, backoff_seconds, sealed_credential, sealed_headers,
      header_names, sealed_signing_secret, created_by, updated_by)
    values (${teamId}, ${id}, 'assistant', ${id}, ${name}, ${server.url}, ${server.messages},
      ${server.enabled}, ${server.timeoutSeconds}, 0, 1, ${server.sealedSecret},
      ${server.sealedHeaders}, ${server.headerNames}, ${assistant.sealedSigningSecret},
      ${actor}, ${actor})`;
  return true;
}

/** Finds an assistant that is not deleted, with its server. */
export async function findAssistant(
  sql: Sql,
  teamId: string,
  id: string,
): Promise<ServedAssistant | undefined> {
  const [row] = await sql<ServedRow>`
    select a.*, s.enabled, s.disabled_reason, s.url, s.timeout_seconds, s.event_types,
           s.header_names, s.sealed_credential, s.sealed_headers
    from assistants a
    join subscriptions s on s.team_id = a.team_id and s.id = a.id
    where a.team_id = ${teamId} and a.id = ${id} and a.deleted_at is null`;
  return row && toServed(row);
}

/** Locks an assistant that is not deleted, for a change. */
export async function lockAssistant(
  tx: Tx,
  teamId: string,
  id: string,
): Promise<ServedAssistant | undefined> {
  const rows = await tx`
    select id from assistants
    where team_id = ${teamId} and id = ${id} and deleted_at is null
    for no key update`;
  // Read after the lock: an earlier read could be outdated.
  return rows.length === 0 ? undefined : await findAssistant(tx, teamId, id);
}

/** Writes the new state of an assistant and its server. The caller holds its lock. */
export async function updateAssistant(
  tx: Tx,
  { assistant, server }: ServedAssistant,
  actor: string,
): Promise<void> {
  const { teamId, id, name } = assistant;
  await tx`
    update assistants
    set name = ${name}, hang_timeout_seconds = ${assistant.hangTimeoutSeconds},
        end_report_wait_seconds = ${assistant.endReportWaitSeconds},
        document = ${fromJsonText(assistant.document)}, updated_by = ${actor}, updated_at = now()
    where team_id = ${teamId} and id = ${id}`;
  await tx`
    update subscriptions
    set name = ${name}, url = ${server.url}, event_types = ${server.messages},
        enabled = ${server.enabled}, disabled_reason = ${server.disabledReason},
        switched_at = case when ${server.enabled} <> enabled then now() else switched_at end,
        timeout_seconds = ${server.timeoutSeconds}, sealed_credential = ${server.sealedSecret},
        sealed_headers = ${server.sealedHeaders}, header_names = ${server.headerNames},
        updated_by = ${actor}, updated_at = now()
    where team_id = ${teamId} and id = ${id}`;
}

/** Marks an assistant as deleted; false when there is none. Its calls and its history stay. */
export async function deleteAssistant(
  tx: Tx,
  teamId: string,
  id: string,
  actor: string,
): Promise<boolean> {
  const rows = await tx`
    update assistants set deleted_at = now(), updated_at = now(), updated_by = ${actor}
    where team_id = ${teamId} and id = ${id} and deleted_at is null
    returning id`;
  return rows.length === 1;
}

/** Lists assistants that are not deleted, newest first; beyond the page's byte limit their documents are empty. */
export async function listAssistants(
  database: Database,
  teamId: string,
  filter: { search: string | null },
  page: WalkPage,
): Promise<Walked<Listed<ServedAssistant & { documentOmitted: boolean }>>> {
  const { rows, ...total } = await readCountedWalk<ServedRow & { omitted: boolean }>(
    database,
    page,
    {
      page: (sql) => sql<ServedRow & { omitted: boolean }>`
      with page as (
        select *, ${markedBy(byId)} from assistants
        where team_id = ${teamId} and deleted_at is null and ${stillToTell(byId, page.after)}
          and (${filter.search}::text is null or strpos(lower(name), lower(${filter.search})) > 0)
        order by id desc
        limit ${page.limit + 1} offset ${page.offset}
      ), sized as (
        select *, sum(octet_length(document)) over (order by id desc) > ${pageDocumentBytesMax}
                    as omitted
        from page
      )
      select a.team_id, a.id, a.name, a.hang_timeout_seconds, a.end_report_wait_seconds,
             a.created_at, a.updated_at, a.deleted_at, a.omitted, a.walk_row, a.walk_start,
             case when a.omitted then '{}'::bytea else a.document end as document,
             s.enabled, s.disabled_reason, s.url, s.timeout_seconds, s.event_types,
             s.header_names, s.sealed_credential, s.sealed_headers
      from sized a
      join subscriptions s on s.team_id = a.team_id and s.id = a.id
      order by a.id desc`,
      count: (sql, limit) => sql`
      select count(*)::int as count from (
        select id from assistants
        where team_id = ${teamId} and deleted_at is null
          and (${filter.search}::text is null or strpos(lower(name), lower(${filter.search})) > 0)
        limit ${limit}
      ) matching`,
    },
  );
  return {
    rows: rows.map((row) => ({ ...toServed(row), documentOmitted: row.omitted })),
    ...total,
  };
}
