import { expect, test } from "vitest";
import { assistantDocumentBytesMax, callBytesMax } from "../../src/domain/call-bytes.ts";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import { type Contract, documentBytesMax } from "../../src/domain/contracts/contract.ts";
import { operationalWebhooks } from "../../src/domain/contracts/operational-webhooks.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import {
  type Assistant,
  addMessage,
  createCall,
  reportCallError,
  reportHang,
} from "../../src/domain/lifecycle/call.ts";
import { changeCallStatus, endCall } from "../../src/domain/lifecycle/call-states.ts";
import type { Happening, Transition } from "../../src/domain/lifecycle/happening.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import type { Step } from "../../src/domain/lifecycle/step.ts";
import { updateWorkflow, type Workflow } from "../../src/domain/lifecycle/workflow.ts";
import { operationalSamples } from "../../src/domain/operational-samples.ts";
import { readText } from "../house/sources.ts";

// Each subject as large as its routes let it become: characters that take most bytes, documents of a whole request.
const at = new Date("2026-11-21T10:30:00.000Z");
const report = { actor: "a".repeat(24), now: at, occurredAt: at };
const nameOf = (length: number) => "😀".repeat(length);
const textOf = (length: number) => "\u0001".repeat(length);
const document = jsonText("x".repeat(documentBytesMax - 2));
const written = { createdBy: report.actor, updatedBy: report.actor, createdAt: at, updatedAt: at };

/** A document of one request's size whose members all change, as many as are told one by one. */
const members = (prefix: string, bytes: number, count = 1_000) =>
  jsonText(
    Object.fromEntries(
      Array.from({ length: count }, (_, n) => {
        const name = `${prefix}${n}`;
        return [name, "x".repeat(Math.max(0, Math.floor(bytes / count) - name.length - 6))];
      }),
    ),
  );

const workflow: Workflow = {
  ...written,
  teamId: "b".repeat(24),
  id: "c".repeat(24),
  name: nameOf(255),
  description: textOf(2_000),
  configuration: members("a", documentBytesMax),
  settings: members("a", documentBytesMax),
  revision: 1,
  versionNumber: 999_999_999,
  versionName: nameOf(150),
  createdAs: null,
  deletedAt: null,
};
const run: Run = {
  ...written,
  teamId: workflow.teamId,
  id: "d".repeat(24),
  workflowId: workflow.id,
  status: "cancelled",
  trigger: "scheduled",
  versionNumber: 999_999_999,
  input: document,
  output: document,
  collectedInformation: document,
  error: document,
  earlier: null,
  terminationSource: "workflow_deleted",
  timeoutSeconds: null,
  deadlineAt: null,
  startedAt: new Date(0),
  completedAt: at,
};
const started: Run = {
  ...run,
  status: "started",
  output: null,
  collectedInformation: null,
  error: null,
  terminationSource: null,
  completedAt: null,
};
const step: Step = {
  ...written,
  teamId: workflow.teamId,
  runId: run.id,
  id: "e".repeat(128),
  name: nameOf(255),
  index: 2_147_483_647,
  attempt: 1_000,
  earlier: null,
  status: "completed",
  output: document,
  error: document,
  startedAt: new Date(0),
  completedAt: at,
};

function happenedIn<State>(transition: Transition<State>): Happening[] {
  if (transition.kind !== "changed") throw new Error(`it is ${transition.kind}`);
  return transition.happened;
}

const updated = happenedIn(
  updateWorkflow(
    workflow,
    {
      name: nameOf(254),
      description: textOf(1_999),
      configuration: members("b", documentBytesMax / 2),
      settings: members("b", documentBytesMax / 2),
    },
    report,
  ),
);

const assistant: Assistant = {
  teamId: workflow.teamId,
  id: "f".repeat(24),
  name: nameOf(255),
  hangTimeoutSeconds: 3600,
  endReportWaitSeconds: 600,
  document: jsonText({ a: "x".repeat(assistantDocumentBytesMax - 8) }),
  createdAt: at,
  updatedAt: at,
  deletedAt: null,
};

/** A call without room for one more byte, and everything that can be told of it. */
function calls(): Happening[] {
  const words = textOf(5_000);
  const room = callBytesMax - 6 * words.length - 8_000;
  const created = createCall(
    { id: "CC-01234567-89ab-cdef-0123-456789abcdef", assistant },
    {
      callType: "phone",
      direction: "outbound",
      status: "ongoing",
      userNumber: textOf(64),
      assistantNumber: textOf(64),
      phoneProvider: textOf(255),
      metadata: jsonText("x".repeat(room)),
    },
    report,
  );
  if (created.kind !== "changed") throw new Error("the call does not begin");
  const line = { phoneCallStatus: textOf(255), phoneCallStatusReason: textOf(255) };
  const moved = changeCallStatus(
    { call: created.state, assistant, messages: [] },
    { status: "forwarded", ...line },
    report,
  );
  if (moved.kind !== "changed") throw new Error("the call does not go on");
  const { message, ...added } = addMessage(
    { call: moved.state, assistant, messages: [] },
    { messageId: null, role: "assistant", text: words, timestampMs: 253_402_300_799_999 },
    report,
  );
  if (added.kind !== "changed" || !message) throw new Error("the call has no room for words");
  const subject = { call: added.state, assistant, messages: [message] };
  const waiting = { ...subject, call: { ...added.state, hangDueAt: at } };
  const error = {
    type: "llm_error" as const,
    code: textOf(255),
    message: textOf(4_096),
    provider: textOf(255),
    retryable: false,
  };
  const end = {
    ...line,
    callEndTriggerBy: textOf(255),
    durationMs: 2 ** 31 - 1,
    cost: jsonText(1),
  };
  return [
    ...added.happened,
    ...happenedIn(reportHang(waiting, report)),
    ...happenedIn(reportCallError(subject, error, report)),
    ...happenedIn(endCall(subject, end, report)),
  ];
}

/** What operators are told, of an endpoint whose name and URL are as long as they may be, and about another team. */
function operational(): Happening[] {
  const url = `https://example.com/${"x".repeat(2_028)}`;
  return operationalSamples("a".repeat(24), "b".repeat(48), at).map((sample) => {
    const told = { ...sample, aboutTeamId: "c".repeat(24) };
    if (!("endpoint" in told.data)) return told as Happening;
    const endpoint = { ...told.data.endpoint, name: nameOf(150), url };
    return { ...told, data: { endpoint } } as Happening;
  });
}

const largest: [Contract, Happening[]][] = [
  [
    workflowWebhooks,
    [
      { kind: "workflow_created", workflow },
      ...updated,
      { kind: "workflow_deleted", workflow },
      { kind: "run_started", workflow, run: started },
      { kind: "run_ended", workflow, run },
    ],
  ],
  [
    organisationWebhooks,
    [
      { kind: "run_started", workflow, run: started },
      { kind: "run_ended", workflow, run: { ...run, status: "completed" } },
      { kind: "run_ended", workflow, run },
      ...(["started", "completed", "failed"] as const).map(
        (status): Happening => ({
          kind: "step_reported",
          workflow,
          run,
          step: { ...step, status },
        }),
      ),
    ],
  ],
  [assistantMessages, calls()],
  [operationalWebhooks, operational()],
];

/** The numbers of the table in docs/receiving.md, by event type. */
const documented = new Map(
  [...readText("docs/receiving.md").matchAll(/^\| `([\w.-]+)` \| ([\d,]+) \|/gm)].map(
    ([, type = "", bytes = ""]) => [type, Number(bytes.replaceAll(",", ""))],
  ),
);

test("docs/receiving.md names the largest body of every event type", () => {
  const known = largest.flatMap(([{ bodyBytesMax, eventTypes }]) =>
    eventTypes.map((type) => [type, bodyBytesMax[type]] as const),
  );
  expect(known).toHaveLength(22);
  expect(documented).toEqual(new Map(known));
});

test("no event's body is larger than documented, and the largest are nearly as large", () => {
  for (const [contract, happenings] of largest) {
    const bytes = new Map<string, number>();
    for (const happening of happenings) {
      const { eventType, payload } = contract.render(happening, { ...report, actor: "x" });
      bytes.set(eventType, Math.max(bytes.get(eventType) ?? 0, payload.length));
    }
    expect([...bytes.keys()].sort()).toEqual([...contract.eventTypes].sort());
    for (const [type, size] of bytes) {
      const max = contract.bodyBytesMax[type] ?? 0;
      expect(size, type).toBeLessThanOrEqual(max);
      expect(size, type).toBeGreaterThan(max * (max > 16_384 ? 0.9 : 0.5));
    }
  }
});

test("a document of many small members makes no body many times as large", () => {
  const many = (prefix: string) =>
    jsonText(Object.fromEntries(Array.from({ length: 60_000 }, (_, n) => [`${prefix}${n}`, 1])));
  const before = { ...workflow, configuration: many("a") };
  const [happening] = happenedIn(updateWorkflow(before, { configuration: many("b") }, report));
  if (happening?.kind !== "workflow_updated") throw new Error("it was not updated");
  expect(happening.changes).toEqual([
    { path: "configuration", oldValue: many("a"), newValue: many("b") },
  ]);
  const few = { ...workflow, configuration: jsonText({ a: 1, b: 2 }) };
  const [small] = happenedIn(updateWorkflow(few, { configuration: jsonText({ a: 2 }) }, report));
  expect(small?.kind === "workflow_updated" && small.changes.map(({ path }) => path)).toEqual([
    "configuration.a",
    "configuration.b",
  ]);
});

test("the sample receivers accept the largest body", () => {
  const sizes = largest.flatMap(([{ bodyBytesMax }]) => Object.values(bodyBytesMax));
  for (const sample of ["docs/samples/receive.ts", "docs/samples/receive.py"]) {
    const [, product = ""] = /body_?bytes_?max = ([\d_ *]+)/i.exec(readText(sample)) ?? [];
    const limit = product.split("*").reduce((all, one) => all * Number(one.replaceAll("_", "")), 1);
    expect(limit, sample).toBeGreaterThanOrEqual(Math.max(...sizes));
  }
});
