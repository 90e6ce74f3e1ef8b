import type { ErrorCode } from "../../errors.ts";
import type { JsonText } from "../json-text.ts";
import type { Run } from "./run.ts";
import type { Workflow } from "./workflow.ts";

/** One field that a workflow_updated tells: the values as exact JSON text, undefined where there was or is none. */
export type Change = {
  path: string;
  oldValue: JsonText | undefined;
  newValue: JsonText | undefined;
};

export type UpdateReason = "configuration" | "version" | "settings";

/** What a transition means to the outside; each contract makes at most one event of it. */
export type Happening =
  | { kind: "workflow_created"; workflow: Workflow }
  | { kind: "workflow_updated"; workflow: Workflow; changes: Change[]; reason: UpdateReason }
  | { kind: "workflow_deleted"; workflow: Workflow }
  | { kind: "run_started"; workflow: Workflow; run: Run }
  | { kind: "run_ended"; workflow: Workflow; run: Run };

/** What becomes of a subject when a fact is applied to it. */
export type Transition<State> =
  | { kind: "changed"; state: State; happened: Happening[] }
  /** The fact was known already: nothing changes and nothing is sent. */
  | { kind: "repeated"; state: State }
  | { kind: "refused"; code: ErrorCode; detail: string };
