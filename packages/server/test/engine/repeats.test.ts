import fc from "fast-check";
import { expect, test } from "vitest";
import { eraseRun } from "../../src/actions/erase-subject.ts";
import type { FactContent, RunChanges, StepReport } from "../../src/domain/facts.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import { newId } from "../../src/ids.ts";
import { dumpDatabase, tablesWith } from "../support/dump.ts";
import { type House, openHouse, type ToldFact } from "../support/house.ts";

const cold = { hot: false, started: false };

/** What a repeat must leave as it is. */
async function stateOf({ database }: House): Promise<string[]> {
  const dump = await dumpDatabase(database);
  const tables = ["workflows", "workflow_versions", "runs", "steps", "events", "deliveries"];
  return [...tables.map((table) => dump.get(table) ?? ""), dump.get("fact_identities") ?? ""];
}

/** Reports a fact; false: it was refused. */
const accepted = (house: House, fact: ToldFact): Promise<string | false> =>
  house.record(fact).then(
    ({ outcome }) => outcome,
    (error) => {
      expect(["transition_refused", "reported_differently", "not_found"]).toContain(error.code);
      return false;
    },
  );

const runStatuses = [undefined, "running", "paused", "completed", "failed", "cancelled"] as const;
const stepStatuses = ["started", "completed", "failed"] as const;

// What one and the same state is told with does not change, but for what is left out.
const runReport = fc
  .record({ status: fc.constantFrom(...runStatuses), output: fc.boolean(), error: fc.boolean() })
  .map(
    ({ status, output, error }): RunChanges => ({
      ...(status && { status }),
      ...(output && { output: jsonText({ of: status ?? "any", n: [1, 2] }) }),
      ...(error && { error: jsonText(`${status} went wrong`) }),
    }),
  )
  .filter((data) => Object.keys(data).length > 0);
const stepReport = fc
  .record({
    attempt: fc.integer({ min: 1, max: 4 }),
    status: fc.constantFrom(...stepStatuses),
    told: fc.subarray(["name", "index", "output", "error"]),
  })
  .map(({ attempt, status, told }): StepReport => {
    const content: Partial<StepReport> = {
      name: `step ${status}`,
      index: attempt,
      output: jsonText({ of: status, attempt }),
      error: jsonText([status, attempt]),
    };
    const named = told.map((name) => [name, content[name as keyof StepReport]]);
    return { attempt, status, ...Object.fromEntries(named) };
  });

test("reports in any order: each one reported again is a repeat that changes nothing", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_updated", "workflow_run_completed"] });
  const report = fc.oneof(
    runReport.map((data) => ({ of: "run" as const, data })),
    stepReport.map((data) => ({ of: "step" as const, data })),
    fc.constantFrom("A", "B", "C").map((name) => ({ of: "workflow" as const, name })),
  );
  const ends = fc.constantFrom("completed", "failed", "cancelled");
  await fc.assert(
    fc.asyncProperty(fc.array(report, { maxLength: 14 }), ends, async (reports, status) => {
      const [workflowId, runId] = [newId(), newId()];
      const toFact = (one: (typeof reports)[number]): ToldFact => {
        if (one.of === "run") return { type: "run.updated", runId, data: one.data };
        if (one.of === "step") {
          return { type: "step.reported", runId, stepId: "s", data: one.data };
        }
        return { type: "workflow.updated", workflowId, data: { name: one.name } };
      };
      const created: ToldFact = {
        type: "workflow.created",
        workflowId,
        data: { name: "A", settings: jsonText({ a: 1 }) },
      };
      const version: ToldFact = {
        type: "workflow.version_created",
        workflowId,
        data: { versionId: newId(), versionName: "v2", markAsActive: true },
      };
      const started: ToldFact = {
        type: "run.started",
        runId,
        workflowId,
        data: { trigger: "manual", input: jsonText({ a: 1 }) },
      };
      const told: ToldFact[] = [];
      for (const fact of [created, version, started, ...reports.map(toFact)]) {
        if (await accepted(house, fact)) told.push(fact);
      }
      const end: ToldFact = { type: "run.updated", runId, data: { status } };
      if (await accepted(house, end)) told.push(end);

      const before = await stateOf(house);
      // A workflow's changes are no states: told again, they are changes again.
      for (const fact of told.filter(({ type }) => type !== "workflow.updated")) {
        expect(await accepted(house, fact), JSON.stringify(fact)).toBe("repeated");
      }
      expect(await stateOf(house)).toEqual(before);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test("a fact with its own identity is a repeat at any time, and another fact with this identity is refused", async () => {
  const house = await openHouse(cold);
  const workflowId = await house.workflow();
  const told = (name: string, identity: string): ToldFact => ({
    type: "workflow.updated",
    workflowId,
    data: { name },
    identity: {
      name: identity,
      content: new Map([
        ["type", jsonText("workflow.updated")],
        ["data.name", jsonText(name)],
      ]) satisfies FactContent,
      within: "fact",
    },
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("A", "B", "C"), fc.constantFrom("1", "2", "3"))),
      async (pairs) => {
        const round = newId();
        const meant = new Map<string, string>();
        for (const [name, id] of pairs) {
          const identity = `${round}/${id}`;
          const before = await stateOf(house);
          const outcome = await accepted(house, told(name, identity));
          if (!meant.has(identity)) {
            expect(outcome).not.toBe(false);
            meant.set(identity, name);
          } else {
            expect(outcome).toBe(meant.get(identity) === name && "repeated");
            expect(await stateOf(house)).toEqual(before);
          }
        }
      },
    ),
    { numRuns: 20 },
  );
});

test("each attempt of a step has its own events, sent once, and all are erased with their run", async () => {
  const house = await openHouse(cold);
  await house.database.sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, enabled, timeout_seconds,
      max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
    select team_id, ${newId()}, 'organisation', name, url,
      '{workflow.step.started,workflow.step.failed,workflow.step.completed}', true, timeout_seconds,
      max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by
    from subscriptions where id = ${(await house.subscribe()).id}`;
  await house.database.sql`delete from subscriptions where contract = 'workflow'`;
  const runId = await house.startRun(await house.workflow());
  const say = (data: StepReport) =>
    house.record({ type: "step.reported", runId, stepId: "fetch", data });
  const reports: StepReport[] = [
    { status: "started", attempt: 1 },
    { status: "failed", attempt: 1, error: jsonText("down") },
    { status: "started" },
    { status: "failed", attempt: 2, error: jsonText("down again") },
    { status: "started", attempt: 5 },
    { status: "completed", attempt: 5, output: jsonText("ok") },
  ];
  for (const data of reports) expect((await say(data)).outcome).toBe("recorded");
  for (const data of reports) expect((await say(data)).outcome).toBe("repeated");

  const events = await house.events();
  const tellings = events.map(({ payload }) => {
    const { event_type, data } = JSON.parse(payload.toString());
    return `${event_type} ${data.step.attempt} ${data.step.error ?? data.step.output}`;
  });
  expect(tellings.sort()).toEqual([
    "workflow.step.completed 5 ok",
    "workflow.step.failed 1 down",
    "workflow.step.failed 2 down again",
    "workflow.step.started 1 null",
    "workflow.step.started 2 null",
    "workflow.step.started 5 null",
  ]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(6);

  const audit = {
    ...{ teamId: house.teamId, actorId: "system", requestId: "req_test" },
    action: "run.erased" as const,
  };
  await eraseRun({ database: house.database, audit }, { teamId: house.teamId, id: runId });
  expect(await house.events()).toEqual([]);
  expect(await house.deliveries()).toEqual([]);
});

test.each([
  ["in plain", false, /^[0-9a-f]{16}$/],
  ["sealed where payloads are", true, /^\0/],
])(
  "what was replaced is kept only where something was, as a digest, %s",
  async (_, sealed, form) => {
    const house = await openHouse(cold);
    await house.database
      .sql`update teams set encrypt_payloads = ${sealed} where id = ${house.teamId}`;
    const workflowId = await house.workflow();
    const play = async (outputs: string[]) => {
      const runId = await house.startRun(workflowId);
      for (const output of outputs) {
        await house.record({ type: "run.updated", runId, data: { output: jsonText(output) } });
      }
      await house.endRun(runId, { status: "completed" });
      const [row] = await house.database.sql<{ earlier: Buffer | null }>`
      select earlier from runs where id = ${runId}`;
      return { runId, earlier: row?.earlier ?? null };
    };
    expect((await play(["kanarienvogel"])).earlier).toBeNull();
    await house.database.sql`delete from runs`;
    const { runId, earlier } = await play(["kanarienvogel", "two"]);
    expect(earlier?.toString("latin1")).toMatch(form);
    const late: ToldFact = {
      type: "run.updated",
      runId,
      data: { output: jsonText("kanarienvogel") },
    };
    expect((await house.record(late)).outcome).toBe("repeated");
    expect(await tablesWith(house.database, "kanarienvogel")).toEqual([]);
  },
);

test("a workflow that is made, renamed and reported again in one batch is as it would be in three", async () => {
  const house = await openHouse(cold);
  const workflowId = newId();
  const made = (name: string): ToldFact => ({
    type: "workflow.created",
    workflowId,
    data: { name },
  });
  const renamed: ToldFact = { type: "workflow.updated", workflowId, data: { name: "B" } };
  const settled = await house.facts.recordAll(
    [made("A"), renamed, made("A"), made("B")].map((fact) => house.fact(fact)),
  );
  expect(settled.map((one) => ("result" in one ? one.result.outcome : one.error))).toMatchObject([
    ...["recorded", "recorded", "repeated"],
    { code: "reported_differently" },
  ]);
  expect(await accepted(house, made("A"))).toBe("repeated");
  expect(await accepted(house, made("B"))).toBe(false);
});

test("two that start one run with other inputs at the same moment: one is recorded, the other refused", async () => {
  const house = await openHouse(cold);
  const other = house.openProcess(cold);
  const workflowId = await house.workflow();
  for (let round = 0; round < 10; round++) {
    const runId = newId();
    const start = (input: number): ToldFact => ({
      type: "run.started",
      runId,
      workflowId,
      data: { trigger: "manual", input: jsonText(input) },
    });
    const [here, there] = await Promise.allSettled([
      house.record(start(1)),
      house.record(start(2), other),
    ]);
    const refused = here.status === "rejected" ? here : there;
    expect(refused).toMatchObject({ reason: { code: "reported_differently" } });
    expect([here.status, there.status].sort()).toEqual(["fulfilled", "rejected"]);
  }
});
