// Written by packages/sdk/scripts/write-types.ts from packages/server/openapi.json; do not edit.

import type {
  BacklogGrowing,
  ConversationUpdate,
  DeliveryExhausted,
  EndOfCallReport,
  EndpointDisabled,
  EndpointFailing,
  EndpointRecovered,
  Hang,
  OrganisationStepCompleted,
  OrganisationStepFailed,
  OrganisationStepStarted,
  OrganisationWorkflowCompleted,
  OrganisationWorkflowFailed,
  OrganisationWorkflowStarted,
  ReplayCompleted,
  ServerMessageError,
  StatusUpdate,
  WorkflowCreated,
  WorkflowDeleted,
  WorkflowRunCompleted,
  WorkflowRunStarted,
  WorkflowUpdated,
} from "./api.gen.ts";

/** What is posted for each event type, contract by contract. */
export type EventPayloads = {
  workflow: {
    workflow_created: WorkflowCreated;
    workflow_updated: WorkflowUpdated;
    workflow_deleted: WorkflowDeleted;
    workflow_run_started: WorkflowRunStarted;
    workflow_run_completed: WorkflowRunCompleted;
  };
  organisation: {
    "workflow.started": OrganisationWorkflowStarted;
    "workflow.completed": OrganisationWorkflowCompleted;
    "workflow.failed": OrganisationWorkflowFailed;
    "workflow.step.started": OrganisationStepStarted;
    "workflow.step.completed": OrganisationStepCompleted;
    "workflow.step.failed": OrganisationStepFailed;
  };
  assistant: {
    "status-update": StatusUpdate;
    "conversation-update": ConversationUpdate;
    "end-of-call-report": EndOfCallReport;
    hang: Hang;
    error: ServerMessageError;
  };
  operational: {
    "endpoint.failing": EndpointFailing;
    "endpoint.recovered": EndpointRecovered;
    "endpoint.disabled": EndpointDisabled;
    "delivery.exhausted": DeliveryExhausted;
    "replay.completed": ReplayCompleted;
    "backlog.growing": BacklogGrowing;
  };
};

/** The contract of each event type. */
export const contractOfEventType = {
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
} as const;
