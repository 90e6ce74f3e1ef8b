// Written by packages/sdk/scripts/write-types.ts from packages/server/openapi.json; do not edit.

import type {
  ConversationUpdate,
  EndOfCallReport,
  Hang,
  OrganisationStepCompleted,
  OrganisationStepFailed,
  OrganisationStepStarted,
  OrganisationWorkflowCompleted,
  OrganisationWorkflowFailed,
  OrganisationWorkflowStarted,
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
} as const;
