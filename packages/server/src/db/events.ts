import type { RenderedEvent } from "../domain/contracts/contract.ts";
import type { SealContext } from "../secrets.ts";
import { byteaArray, textArray, uuidArray } from "./arrays.ts";
import type { Tx } from "./transaction.ts";

/** The seal context of an event's payload. */
export const payloadContext = (teamId: string, eventId: string): SealContext => ({
  table: "events",
  column: "payload",
  teamId,
  rowId: eventId,
});

/** Inserts events. Their created_at is the transaction's time, like that of their deliveries. */
export async function insertEvents(tx: Tx, events: readonly RenderedEvent[]): Promise<void> {
  await tx("insert_events")`
    insert into events (id, team_id, contract, event_type, dedupe_key, workflow_id, workflow_name,
      run_id, run_status, call_id, message_id, assistant_id, created_by, trace_context, payload)
    select
      unnest(${uuidArray(events.map((e) => e.id))}::uuid[]),
      unnest(${textArray(events.map((e) => e.teamId))}::text[]),
      unnest(${textArray(events.map((e) => e.contract))}::text[]),
      unnest(${textArray(events.map((e) => e.eventType))}::text[]),
      unnest(${textArray(events.map((e) => e.dedupeKey))}::text[]),
      unnest(${textArray(events.map((e) => e.workflowId))}::text[]),
      unnest(${textArray(events.map((e) => e.workflowName))}::text[]),
      unnest(${textArray(events.map((e) => e.runId))}::text[]),
      unnest(${textArray(events.map((e) => e.runStatus))}::text[]),
      unnest(${textArray(events.map((e) => e.callId))}::text[]),
      unnest(${textArray(events.map((e) => e.messageId))}::text[]),
      unnest(${textArray(events.map((e) => e.assistantId))}::text[]),
      unnest(${textArray(events.map((e) => e.createdBy))}::text[]),
      unnest(${textArray(events.map((e) => e.trace ?? null))}::text[]),
      unnest(${byteaArray(events.map((e) => e.payload))}::bytea[])`;
}
