import { expect, test } from "vitest";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { callEventIds, runEventIds } from "../../src/domain/event-ids.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const teamId = "0123456789abcdef01234567";
const occurrence = { actor: "key", occurredAt: new Date(0) };
const assistant = {
  ...{ teamId, id: "a", name: "Ada", document: "{}" },
  ...{ hangTimeoutSeconds: 5, endReportWaitSeconds: 0 },
};
const workflow = { teamId, id: "w", createdAt: new Date(0), updatedAt: new Date(0) } as Workflow;

/** The events of a run with one step, which failed once and then went well. */
function happeningsOf(runId: string): Happening[] {
  const times = { startedAt: new Date(0), completedAt: new Date(0) };
  const step = (status: string, attempt: number) => ({ id: "s", status, attempt, ...times });
  const at = (status: string) => ({
    workflow,
    run: { id: runId, terminationSource: null, status, ...times } as Run,
  });
  return [
    { kind: "run_started", ...at("started") },
    ...["completed", "failed"].map((status) => ({ kind: "run_ended", ...at(status) })),
    ...[step("started", 1), step("failed", 1), step("started", 2), step("completed", 2)].map(
      (one) => ({ kind: "step_reported", ...at("running"), step: one }),
    ),
  ] as Happening[];
}

test("the ids of a run's events are those that its contracts give them, and no other run's", () => {
  const steps = [{ id: "s", attempt: 2 }];
  const ids = new Set(runEventIds(teamId, "r", steps));
  const made = (runId: string) =>
    [workflowWebhooks, organisationWebhooks].flatMap((contract) =>
      happeningsOf(runId)
        .filter((happening) => contract.eventTypeOf(happening) !== undefined)
        .map((happening) => contract.render(happening, occurrence).id),
    );
  expect(made("r").filter((id) => !ids.has(id))).toEqual([]);
  expect(made("other").filter((id) => ids.has(id))).toEqual([]);
  // Five actions; six types of the run itself, and of each attempt of its step.
  expect(ids.size).toBe(5 + 6 + 2 * 6);
});

test("the ids of a call's events are those of everything that happened in it, and of nothing later", () => {
  const ids = callEventIds(teamId, "c", 2);
  const idAt = (position: number, kind: string) =>
    assistantMessages.render(
      {
        kind,
        assistant,
        call: {
          teamId,
          id: "c",
          position,
          durationMs: null,
          metrics: null,
          startAt: null,
          endAt: null,
        },
        messages: [],
      } as unknown as Happening,
      occurrence,
    ).id;
  for (const kind of ["call_status", "call_message", "call_hung", "call_ended"]) {
    const found = [0, 1, 2, 3].map((position) => ids.includes(idAt(position, kind)));
    expect(found, kind).toEqual([false, true, true, false]);
  }
  expect(new Set(ids).size).toBe(2 * 5);
});
