import { expect, test } from "vitest";
import type { Contract } from "../../src/domain/contracts/contract.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { decide } from "../../src/domain/decide.ts";
import type { Fact } from "../../src/domain/facts.ts";
import { noChanges, type World } from "../../src/domain/world.ts";

type Reported = Fact extends infer One
  ? One extends Fact
    ? Omit<One, "teamId" | "actor">
    : never
  : never;

const workflowId = "w".repeat(24);
const run = (name: string): Reported => ({
  type: "run.started",
  runId: name,
  workflowId,
  data: { trigger: "manual", input: null, timeoutSeconds: 1 },
});

/** Every kind of fact about workflows, runs and steps, and every way it can end. */
const life: Reported[] = [
  {
    type: "workflow.created",
    workflowId,
    data: { name: "a", description: null, configuration: null, settings: null, versionName: null },
  },
  { type: "workflow.updated", workflowId, data: { name: "b" } },
  {
    type: "workflow.version_created",
    workflowId,
    data: { versionId: "v".repeat(24), versionName: null, markAsActive: true },
  },
  { type: "workflow.version_activated", workflowId, data: { versionNumber: 1 } },
  run("well"),
  ...(["started", "completed"] as const).map(
    (status): Reported => ({
      type: "step.reported",
      runId: "well",
      stepId: "one",
      data: { status },
    }),
  ),
  { type: "step.reported", runId: "well", stepId: "two", data: { status: "failed" } },
  { type: "run.updated", runId: "well", data: { status: "completed" } },
  run("ill"),
  { type: "run.updated", runId: "ill", data: { status: "failed" } },
  run("late"),
  { type: "run.timed_out", runId: "late" },
  run("unfinished"),
  { type: "workflow.deleted", workflowId },
];

/** What came of such a life, fact by fact, in the words of a contract. */
function toldBy(contract: Contract): Record<string, string[]> {
  const world: World = {
    now: new Date("2026-11-21T10:30:00.000Z"),
    workflows: new Map(),
    versions: new Map(),
    runs: new Map(),
    steps: new Map(),
    assistants: new Map(),
    calls: new Map(),
    messages: new Map(),
    cancelledRunsMax: 10,
  };
  const told = new Map<string, Set<string>>();
  for (const reported of life) {
    world.now = new Date(world.now.getTime() + 10_000);
    const changes = noChanges();
    decide({ ...reported, teamId: "t".repeat(24), actor: "system" } as Fact, world, changes);
    for (const { happening } of changes.happened) {
      const eventType = contract.eventTypeOf(happening);
      if (eventType === undefined) continue;
      expect(contract.subjectOf(happening)).toBeNull();
      told.set(reported.type, (told.get(reported.type) ?? new Set()).add(eventType));
    }
  }
  return Object.fromEntries([...told].map(([type, eventTypes]) => [type, [...eventTypes].sort()]));
}

test.each([workflowWebhooks, organisationWebhooks])(
  "contract $name says of each fact all that it may lead to, and no more",
  (contract) => {
    const may = Object.entries(contract.mayTell).map(([type, eventTypes]) => [
      type,
      [...(eventTypes ?? [])].sort(),
    ]);
    expect(toldBy(contract)).toEqual(Object.fromEntries(may));
  },
);
