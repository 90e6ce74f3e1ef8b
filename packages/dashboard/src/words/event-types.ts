import type {
  AssistantServerChange,
  Delivery,
  OperationalWebhookCreate,
  WebhookCreate,
  WorkflowWebhookCreate,
} from "@postrider/sdk";

/** What workflow webhooks can be told. */
export const workflowActions = [
  "workflow_created",
  "workflow_updated",
  "workflow_deleted",
  "workflow_run_started",
  "workflow_run_completed",
] as const satisfies WorkflowWebhookCreate["actions"];

/** What organisation webhooks can be told. */
export const organisationEvents = [
  "workflow.started",
  "workflow.completed",
  "workflow.failed",
  "workflow.step.started",
  "workflow.step.completed",
  "workflow.step.failed",
] as const satisfies WebhookCreate["events"];

/** What an assistant's server can be told. */
export const assistantMessages = [
  "status-update",
  "conversation-update",
  "end-of-call-report",
  "hang",
  "error",
] as const satisfies NonNullable<AssistantServerChange["messages"]>;

/** What operational webhooks can be told. */
export const operationalEvents = [
  "endpoint.failing",
  "endpoint.recovered",
  "endpoint.disabled",
  "delivery.exhausted",
  "replay.completed",
  "backlog.growing",
] as const satisfies OperationalWebhookCreate["actions"];

/** All event types by their contract. */
export const eventTypes: Readonly<Record<Delivery["contract"], readonly string[]>> = {
  workflow: workflowActions,
  organisation: organisationEvents,
  assistant: assistantMessages,
  operational: operationalEvents,
  // It hears of another contract's.
  listener: [],
};
