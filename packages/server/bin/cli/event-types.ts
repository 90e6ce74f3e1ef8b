import type { DeliveryFilter, Endpoint } from "@postrider/sdk";

/** The name of an event type, whatever the contract. */
export type EventTypeName = Exclude<NonNullable<DeliveryFilter["event_type"]>, string[]>;

/** The contract of each event type. */
export const contractOf: Readonly<Record<EventTypeName, Endpoint["contract"]>> = {
  workflow_created: "workflow",
  workflow_updated: "workflow",
  workflow_deleted: "workflow",
  workflow_run_started: "workflow",
  workflow_run_completed: "workflow",
  "workflow.started": "organisation",
  "workflow.completed": "organisation",
  "workflow.failed": "organisation",
  "workflow.step.started": "organisation",
  "workflow.step.completed": "organisation",
  "workflow.step.failed": "organisation",
  "status-update": "assistant",
  "conversation-update": "assistant",
  "end-of-call-report": "assistant",
  hang: "assistant",
  error: "assistant",
  "endpoint.failing": "operational",
  "endpoint.recovered": "operational",
  "endpoint.disabled": "operational",
  "delivery.exhausted": "operational",
  "replay.completed": "operational",
  "backlog.growing": "operational",
};

/** Every event type, in the order of the contracts. */
export const eventTypes = Object.keys(contractOf) as EventTypeName[];

/** The event types of one contract. */
export const typesOf = (contract: Endpoint["contract"]): EventTypeName[] =>
  eventTypes.filter((type) => contractOf[type] === contract);
