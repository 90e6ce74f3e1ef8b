import type { Occurrence } from "./contracts/contract.ts";
import type { Assistant, Call, Message } from "./lifecycle/call.ts";
import type { Happening } from "./lifecycle/happening.ts";
import type { Run } from "./lifecycle/run.ts";
import type { Step } from "./lifecycle/step.ts";
import type { Version, Workflow } from "./lifecycle/workflow.ts";

/** Names a subject within a batch that may span teams; a step is named by its run and itself. */
export const subjectKey = (teamId: string, id: string, stepId?: string): string =>
  stepId === undefined ? `${teamId}/${id}` : `${teamId}/${id}/${stepId}`;

/** What a batch of facts is decided on, and what became of it. Keys are `subjectKey`s. */
export type World = {
  now: Date;
  workflows: Map<string, Workflow>;
  versions: Map<string, Version[]>;
  runs: Map<string, Run>;
  steps: Map<string, Step>;
  assistants: Map<string, Assistant>;
  calls: Map<string, Call>;
  messages: Map<string, Message[]>;
  /** Unfinished runs that may be cancelled with one workflow, at the most. */
  cancelledRunsMax: number;
};

/** What must be written because of a batch. */
export type Changes = {
  newWorkflows: Set<string>;
  changedWorkflows: Set<string>;
  newVersions: (Version & { teamId: string; workflowId: string; createdBy: string })[];
  newRuns: Set<string>;
  changedRuns: Set<string>;
  newSteps: Set<string>;
  changedSteps: Set<string>;
  newCalls: Set<string>;
  changedCalls: Set<string>;
  newMessages: (Message & { teamId: string; callId: string; position: number })[];
  happened: { happening: Happening; occurrence: Occurrence }[];
};

/** Changes of a batch that has not changed anything yet. */
export const noChanges = (): Changes => ({
  newWorkflows: new Set(),
  changedWorkflows: new Set(),
  newVersions: [],
  newRuns: new Set(),
  changedRuns: new Set(),
  newSteps: new Set(),
  changedSteps: new Set(),
  newCalls: new Set(),
  changedCalls: new Set(),
  newMessages: [],
  happened: [],
});

/** The state after a fact, as its reporter is told. */
export type Recorded = {
  outcome: "recorded" | "repeated";
  /** Known by its identity alone: what the fact was about. There is no state with it. */
  subjectId?: string | null;
  /** The step was not known before. */
  stepIsNew?: boolean;
  workflow?: Workflow;
  version?: Version;
  run?: Run;
  step?: Step;
  call?: Call;
  message?: Message;
};
