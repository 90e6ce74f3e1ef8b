import { AppError, type ErrorCode, reportedDifferently } from "../../errors.ts";
import type { CallError } from "../facts.ts";
import type { JsonText } from "../json-text.ts";
import type { Assistant, Call, Message } from "./call.ts";
import type { OperationalHappening } from "./operational.ts";
import type { Run } from "./run.ts";
import type { Step } from "./step.ts";
import type { Workflow } from "./workflow.ts";

/** One changed field of a workflow_updated: the old and new values as exact JSON text, undefined where there is none. */
export type Change = {
  path: string;
  oldValue: JsonText | undefined;
  newValue: JsonText | undefined;
};

/** Why a workflow_updated was made. */
export type UpdateReason = "configuration" | "version" | "settings";

/** What happened in a transition, for subscribers; each contract makes at most one event of it. */
export type Happening =
  | { kind: "workflow_created"; workflow: Workflow }
  | { kind: "workflow_updated"; workflow: Workflow; changes: Change[]; reason: UpdateReason }
  | { kind: "workflow_deleted"; workflow: Workflow }
  | { kind: "run_started"; workflow: Workflow; run: Run }
  | { kind: "run_ended"; workflow: Workflow; run: Run }
  | { kind: "step_reported"; workflow: Workflow; run: Run; step: Step }
  | CallHappening
  | OperationalHappening;

/** What happened in a call, with the call as it was then; `call.position` gives the order. */
export type CallHappening = { assistant: Assistant; call: Call } & (
  | { kind: "call_status" }
  | { kind: "call_message"; messages: readonly Message[] }
  | { kind: "call_hung"; messages: readonly Message[] }
  | { kind: "call_error"; error: CallError; messages: readonly Message[] }
  | { kind: "call_ended"; messages: readonly Message[] }
);

/** The team that a happening belongs to. */
export function teamOf(happening: Happening): string {
  if ("teamId" in happening) return happening.teamId;
  return "call" in happening ? happening.call.teamId : happening.workflow.teamId;
}

/** The result of applying a fact to a subject. */
export type Transition<State> =
  | { kind: "changed"; state: State; happened: Happening[] }
  /** The fact was known already: nothing changes and nothing is sent. */
  | { kind: "repeated"; state: State }
  | Refused;

type Refused =
  | { kind: "refused"; code: Exclude<ErrorCode, "reported_differently">; detail: string }
  /** The members that differ from what was recorded, as the report's body names them. */
  | { kind: "refused"; code: "reported_differently"; members: string[] };

/** A transition that was not refused. */
export type Accepted<State> = Exclude<Transition<State>, { kind: "refused" }>;

/** Gives a transition that was not refused; throws the `AppError` of a refusal. */
export function accepted<State>(transition: Transition<State>): Accepted<State> {
  if (transition.kind !== "refused") return transition;
  if (transition.code === "reported_differently") {
    throw reportedDifferently(transition.members.map((member) => [member]));
  }
  throw new AppError(transition.code, transition.detail);
}
