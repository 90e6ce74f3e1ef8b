import type { Occurrence } from "./contracts/contract.ts";
import type { Assistant, Call, Message } from "./lifecycle/call.ts";
import type { Happening } from "./lifecycle/happening.ts";
import type { Run } from "./lifecycle/run.ts";
import type { Step } from "./lifecycle/step.ts";
import type { Version, Workflow } from "./lifecycle/workflow.ts";

/** The key of a subject in a batch of several teams; a step's key has the run's id and its own. */
export const subjectKey = (teamId: string, id: string, stepId?: string): string =>
  stepId === undefined ? `${teamId}/${id}` : `${teamId}/${id}/${stepId}`;

/** The state that a batch of facts is decided on, and that the facts change. Keys are `subjectKey`s. */
export type World = {
  now: Date;
  workflows: Map<string, Workflow>;
  versions: Map<string, Version[]>;
  runs: Map<string, Run>;
  steps: Map<string, Step>;
  assistants: Map<string, Assistant>;
  calls: Map<string, Call>;
  messages: Map<string, Message[]>;
  /** The most unfinished runs that may be cancelled with one workflow. */
  cancelledRunsMax: number;
};

/** What a batch must write. */
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

/** The empty changes at the beginning of a batch. */
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

/** The state after a fact, as its reporter gets it. */
export type Recorded = {
  outcome: "recorded" | "repeated";
  /** The subject of a repeat that was recognised by its identity alone. Then there is no state. */
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
