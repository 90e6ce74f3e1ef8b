import type {
  AssistantServerChange,
  Delivery,
  OperationalWebhookCreate,
  WebhookCreate,
  WorkflowWebhookCreate,
} from "@postrider/sdk";

/** The event types of workflow webhooks. */
export const workflowActions = [
  "workflow_created",
  "workflow_updated",
  "workflow_deleted",
  "workflow_run_started",
  "workflow_run_completed",
] as const satisfies WorkflowWebhookCreate["actions"];

/** The event types of organisation webhooks. */
export const organisationEvents = [
  "workflow.started",
  "workflow.completed",
  "workflow.failed",
  "workflow.step.started",
  "workflow.step.completed",
  "workflow.step.failed",
] as const satisfies WebhookCreate["events"];

/** The event types of an assistant's server. */
export const assistantMessages = [
  "status-update",
  "conversation-update",
  "end-of-call-report",
  "hang",
  "error",
] as const satisfies NonNullable<AssistantServerChange["messages"]>;

/** The event types of operational webhooks. */
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
  // It gets the events of another contract.
  listener: [],
};
