import type { CallStatus } from "../domain/facts.ts";
import type { Call, Message } from "../domain/lifecycle/call.ts";
import { textValue, valueText } from "../sealed-values.ts";
import { boolArray, byteaArray, int4Array, textArray, timestampArray } from "./arrays.ts";
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
  ids,
  type TeamKey,
  teamIds,
  toDigests,
  toJsonText,
} from "./workflows.ts";

export type CallRow = {
  team_id: string;
  id: string;
  assistant_id: string;
  call_type: "web" | "phone";
  direction: "inbound" | "outbound";
  status: CallStatus;
  user_number: Buffer | null;
  assistant_number: Buffer | null;
  phone_provider: string | null;
  phone_call_status: string | null;
  phone_call_status_reason: string | null;
  call_end_trigger_by: string | null;
  start_at: Date | null;
  end_at: Date | null;
  duration_ms: number | null;
  metadata: Buffer | null;
  recording: Buffer | null;
  analysis: Buffer | null;
  cost: Buffer | null;
  metrics: Buffer | null;
  message_count: number;
  report_bytes: number | null;
  reported: Buffer | null;
  position: number;
  hang_due_at: Date | null;
  hung: boolean;
  report_due_at: Date | null;
  created_by: string;
  updated_by: string;
  created_at: Date;
  updated_at: Date;
};

const toCall = (row: CallRow): Call => ({
  teamId: row.team_id,
  id: row.id,
  assistantId: row.assistant_id,
  callType: row.call_type,
  direction: row.direction,
  status: row.status,
  userNumber: row.user_number && valueText(row.user_number),
  assistantNumber: row.assistant_number && valueText(row.assistant_number),
  phoneProvider: row.phone_provider,
  phoneCallStatus: row.phone_call_status,
  phoneCallStatusReason: row.phone_call_status_reason,
  callEndTriggerBy: row.call_end_trigger_by,
  startAt: row.start_at,
  endAt: row.end_at,
  durationMs: row.duration_ms,
  metadata: toJsonText(row.metadata),
  recording: toJsonText(row.recording),
  analysis: toJsonText(row.analysis),
  cost: toJsonText(row.cost),
  metrics: toJsonText(row.metrics),
  messageCount: row.message_count,
  reportBytes: row.report_bytes,
  reported: toDigests(row.reported),
  position: row.position,
  hangDueAt: row.hang_due_at,
  hung: row.hung,
  reportDueAt: row.report_due_at,
  createdBy: row.created_by,
  updatedBy: row.updated_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Locks calls for a change, in id order, so that batches cannot deadlock. */
export async function lockCalls(tx: Tx, keys: readonly TeamKey[]): Promise<Call[]> {
  const rows = await tx("lock_calls")<CallRow>`
    select
      c.team_id, c.id, c.assistant_id, c.call_type, c.direction, c.status, c.user_number,
      c.assistant_number, c.phone_provider, c.phone_call_status, c.phone_call_status_reason,
      c.call_end_trigger_by, c.start_at, c.end_at, c.duration_ms, c.metadata, c.recording,
      c.analysis, c.cost, c.metrics, c.message_count, c.report_bytes, c.reported, c.position,
      c.hang_due_at, c.hung, c.report_due_at, c.created_by, c.updated_by, c.created_at,
      c.updated_at
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join calls c on c.team_id = k.team_id and c.id = k.id
    order by c.team_id, c.id
    for no key update of c`;
  return rows.map(toCall);
}

/** Inserts new calls. A call that another process inserted meanwhile is a duplicate: the caller starts over and finds it. */
export async function insertCalls(tx: Tx, calls: readonly Call[]): Promise<void> {
  await tx("insert_calls")`
    insert into calls (team_id, id, assistant_id, call_type, direction, status, user_number,
      assistant_number, phone_provider, metadata, start_at, report_bytes, position, created_by,
      updated_by, created_at, updated_at)
    select * from unnest(
      ${teamIds(calls)}::text[], ${ids(calls)}::text[],
      ${textArray(calls.map((c) => c.assistantId))}::text[],
      ${textArray(calls.map((c) => c.callType))}::text[],
      ${textArray(calls.map((c) => c.direction))}::text[],
      -- What happened to it later in the same batch is written by updateCalls.
      ${textArray(calls.map((c) => (c.status === "finished" ? "queued" : c.status)))}::text[],
      ${byteaArray(calls.map((c) => (c.userNumber === null ? null : textValue(c.userNumber))))}::bytea[],
      ${byteaArray(calls.map((c) => (c.assistantNumber === null ? null : textValue(c.assistantNumber))))}::bytea[],
      ${textArray(calls.map((c) => c.phoneProvider))}::text[],
      ${byteaArray(calls.map((c) => fromJsonText(c.metadata)))}::bytea[],
      ${timestampArray(calls.map((c) => c.startAt))}::timestamptz[],
      ${int4Array(calls.map((c) => c.reportBytes))}::int4[],
      ${int4Array(calls.map((c) => c.position))}::int4[],
      ${textArray(calls.map((c) => c.createdBy))}::text[],
      ${textArray(calls.map((c) => c.updatedBy))}::text[],
      ${timestampArray(calls.map((c) => c.createdAt))}::timestamptz[],
      ${timestampArray(calls.map((c) => c.updatedAt))}::timestamptz[])`;
}

/** Writes the new state of known calls. The caller holds their locks. */
export async function updateCalls(tx: Tx, calls: readonly Call[]): Promise<void> {
  await tx("update_calls")`
    update calls c
    set status = n.status, phone_call_status = n.phone_call_status,
        phone_call_status_reason = n.phone_call_status_reason,
        call_end_trigger_by = n.call_end_trigger_by, start_at = n.start_at, end_at = n.end_at,
        duration_ms = n.duration_ms, recording = n.recording, analysis = n.analysis, cost = n.cost,
        metrics = n.metrics, message_count = n.message_count, report_bytes = n.report_bytes,
        reported = n.reported, position = n.position, hang_due_at = n.hang_due_at,
        hung = n.hung, report_due_at = n.report_due_at,
        updated_by = n.updated_by, updated_at = n.updated_at
    from unnest(
      ${teamIds(calls)}::text[], ${ids(calls)}::text[],
      ${textArray(calls.map((c) => c.status))}::text[],
      ${textArray(calls.map((c) => c.phoneCallStatus))}::text[],
      ${textArray(calls.map((c) => c.phoneCallStatusReason))}::text[],
      ${textArray(calls.map((c) => c.callEndTriggerBy))}::text[],
      ${timestampArray(calls.map((c) => c.startAt))}::timestamptz[],
      ${timestampArray(calls.map((c) => c.endAt))}::timestamptz[],
      ${int4Array(calls.map((c) => c.durationMs))}::int4[],
      ${byteaArray(calls.map((c) => fromJsonText(c.recording)))}::bytea[],
      ${byteaArray(calls.map((c) => fromJsonText(c.analysis)))}::bytea[],
      ${byteaArray(calls.map((c) => fromJsonText(c.cost)))}::bytea[],
      ${byteaArray(calls.map((c) => fromJsonText(c.metrics)))}::bytea[],
      ${int4Array(calls.map((c) => c.messageCount))}::int4[],
      ${int4Array(calls.map((c) => c.reportBytes))}::int4[],
      ${byteaArray(calls.map((c) => fromDigests(c.reported)))}::bytea[],
      ${int4Array(calls.map((c) => c.position))}::int4[],
      ${timestampArray(calls.map((c) => c.hangDueAt))}::timestamptz[],
      ${boolArray(calls.map((c) => c.hung))}::bool[],
      ${timestampArray(calls.map((c) => c.reportDueAt))}::timestamptz[],
      ${textArray(calls.map((c) => c.updatedBy))}::text[],
      ${timestampArray(calls.map((c) => c.updatedAt))}::timestamptz[])
      as n (team_id, id, status, phone_call_status, phone_call_status_reason, call_end_trigger_by,
            start_at, end_at, duration_ms, recording, analysis, cost, metrics, message_count,
            report_bytes, reported, position, hang_due_at, hung, report_due_at, updated_by,
            updated_at)
    where c.team_id = n.team_id and c.id = n.id`;
}

type MessageRow = {
  team_id: string;
  call_id: string;
  message_id: string;
  role: "user" | "assistant";
  text: Buffer;
  timestamp_ms: string;
  metrics: Buffer | null;
};

/** Reads the messages of calls, each call's in order. */
export async function readMessages(
  tx: Sql,
  keys: readonly TeamKey[],
): Promise<(Message & { teamId: string; callId: string })[]> {
  const rows = await tx("read_messages")<MessageRow>`
    select m.team_id, m.call_id, m.message_id, m.role, m.text, m.timestamp_ms, m.metrics
    from unnest(${teamIds(keys)}::text[], ${ids(keys)}::text[]) as k (team_id, id)
    join call_messages m on m.team_id = k.team_id and m.call_id = k.id
    order by m.team_id, m.call_id, m.position`;
  return rows.map((row) => ({
    teamId: row.team_id,
    callId: row.call_id,
    messageId: row.message_id,
    role: row.role,
    text: valueText(row.text),
    timestampMs: Number(row.timestamp_ms),
    metrics: toJsonText(row.metrics),
  }));
}

/** Writes new messages. The caller holds the locks of their calls. */
export async function insertMessages(
  tx: Tx,
  messages: readonly (Message & { teamId: string; callId: string; position: number })[],
): Promise<void> {
  await tx("insert_messages")`
    insert into call_messages (team_id, call_id, position, message_id, role, text, timestamp_ms, metrics)
    select team_id, call_id, position, message_id, role, text, timestamp_ms::bigint, metrics
    from unnest(
      ${textArray(messages.map((m) => m.teamId))}::text[],
      ${textArray(messages.map((m) => m.callId))}::text[],
      ${int4Array(messages.map((m) => m.position))}::int4[],
      ${textArray(messages.map((m) => m.messageId))}::text[],
      ${textArray(messages.map((m) => m.role))}::text[],
      ${byteaArray(messages.map((m) => textValue(m.text)))}::bytea[],
      ${textArray(messages.map((m) => String(m.timestampMs)))}::text[],
      ${byteaArray(messages.map((m) => fromJsonText(m.metrics)))}::bytea[])
      as n (team_id, call_id, position, message_id, role, text, timestamp_ms, metrics)`;
}

/** Finds a call. */
export async function findCall(sql: Sql, teamId: string, id: string): Promise<Call | undefined> {
  const [row] = await sql<CallRow>`select * from calls where team_id = ${teamId} and id = ${id}`;
  return row && toCall(row);
}

/** Filter of calls; null: all. */
export type CallFilter = { assistantId: string | null; status: CallStatus | null };

/** The ids of calls contain no time. */
const newest: Order = {
  row: part`array[${timeText(part`created_at`)}, id]`,
  behind: ([createdAt, id]) => part`(created_at, id) < (${timeOf(createdAt)}, ${id})`,
};

/** Lists calls, newest first, without their free-form documents (metadata, recording, analysis, cost, metrics). */
export async function listCalls(
  database: Database,
  teamId: string,
  { assistantId, status }: CallFilter,
  page: WalkPage,
): Promise<Walked<Listed<Call>>> {
  const { rows, ...total } = await readCountedWalk<CallRow>(database, page, {
    page: (sql) => sql<CallRow>`
      select team_id, id, assistant_id, call_type, direction, status, user_number,
             assistant_number, phone_provider, phone_call_status, phone_call_status_reason,
             call_end_trigger_by, start_at, end_at, duration_ms, null::bytea as metadata,
             null::bytea as recording, null::bytea as analysis, null::bytea as cost,
             null::bytea as metrics, message_count, report_bytes, null::bytea as reported, position,
             hang_due_at, hung, report_due_at, created_by, updated_by, created_at, updated_at,
             ${markedBy(newest)}
      from calls
      where team_id = ${teamId} and ${stillToTell(newest, page.after)}
        and (${assistantId}::text is null or assistant_id = ${assistantId})
        and (${status}::text is null or status = ${status})
      order by created_at desc, id desc
      limit ${page.limit + 1} offset ${page.offset}`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (
        select id from calls
        where team_id = ${teamId}
          and (${assistantId}::text is null or assistant_id = ${assistantId})
          and (${status}::text is null or status = ${status})
        limit ${limit}
      ) matching`,
  });
  return { rows: rows.map(toCall), ...total };
}
