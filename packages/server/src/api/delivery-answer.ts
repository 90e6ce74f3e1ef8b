import Type from "typebox";
import type { DeliverySummary } from "../db/delivery-summaries.ts";
import { deliveryStatuses } from "../domain/delivery.ts";
import { publicEventId } from "../ids.ts";
import { ContractName } from "./delivery-filter.ts";
import { nullable, Timestamp } from "./fields.ts";

export const Milliseconds = nullable(Type.Integer());
const text = nullable(Type.String());
export const deliveryFields = {
  id: Type.String(),
  endpoint_id: Type.String(),
  contract: ContractName,
  event_type: Type.String(),
  event_id: Type.String(),
  test: Type.Boolean({ description: "A test event." }),
  status: Type.Enum([...deliveryStatuses]),
  attempts_count: Type.Integer({ description: "Attempts that have ended." }),
  status_code: nullable(Type.Integer()),
  error_code: text,
  duration_ms: Milliseconds,
  workflow_id: text,
  run_id: text,
  step_id: text,
  call_id: text,
  message_id: text,
  assistant_id: text,
  created_at: Timestamp,
  updated_at: Timestamp,
  next_attempt_at: nullable(Timestamp),
  delivered_at: nullable(Timestamp),
};

/** A delivery as lists show it, whatever its contract. */
export const Delivery = Type.Object(deliveryFields, { title: "Delivery" });

/** Makes the answer of a delivery. */
export const deliveryAnswer = (row: DeliverySummary) => ({
  id: row.id,
  endpoint_id: row.subscriptionId,
  contract: row.contract,
  event_type: row.eventType,
  event_id: publicEventId(row.eventId),
  test: row.test,
  status: row.status,
  attempts_count: row.attemptCount,
  status_code: row.statusCode,
  error_code: row.errorCode,
  duration_ms: row.durationMs,
  workflow_id: row.workflowId,
  run_id: row.runId,
  step_id: row.stepId,
  call_id: row.callId,
  message_id: row.messageId,
  assistant_id: row.assistantId,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
  next_attempt_at: row.nextAttemptAt?.toISOString() ?? null,
  delivered_at: row.deliveredAt?.toISOString() ?? null,
});
