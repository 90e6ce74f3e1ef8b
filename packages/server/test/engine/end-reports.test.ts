import { expect, test } from "vitest";
import { endAssistant } from "../../src/actions/assistants.ts";
import { eraseCall } from "../../src/actions/erase-subject.ts";
import { eraseTeam } from "../../src/actions/erase-team.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import { newId } from "../../src/ids.ts";
import { actOnDueTimers } from "../../src/watch/timers.ts";
import {
  endCall,
  makeAssistant,
  say,
  serverMessages,
  startCall,
  told,
  watch,
} from "../support/calls.ts";
import { type House, openHouse, until } from "../support/house.ts";

const reportsOf = (house: House, callId?: string) =>
  serverMessages(house.receiver, callId).filter(({ type }) => type === "end-of-call-report");

const finish = (house: House, callId: string, occurredAt?: Date) =>
  house.record({ type: "call.status", callId, occurredAt, data: { status: "finished" } });

/** Lets the waiting reports of all calls fall due. */
const runOut = (house: House) =>
  house.database.sql`
    update calls set report_due_at = now() where report_due_at is not null`;

/** Acts on what is due, as the watch does. */
const act = (house: House) =>
  actOnDueTimers({ database: house.database, recordFacts: house.facts.record });

const waiting = (house: House) =>
  house.database.sql<{ id: string; waits: number }>`
    select id, extract(epoch from report_due_at - now())::float8 as waits
    from calls where report_due_at is not null`;

test("finished is sent at once; the report follows once, with the details that came in time", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60 });
  const callId = await startCall(house, assistantId);
  await say(house, callId, "user");
  await finish(house, callId);
  expect((await told(house.receiver, callId, 3)).at(-1)).toMatchObject({
    type: "status-update",
    call: { status: "finished" },
  });
  await expect(say(house, callId, "assistant")).rejects.toMatchObject({
    code: "transition_refused",
  });
  const details = {
    recording: jsonText({ url: "u" }),
    cost: jsonText(0.5),
    analysis: jsonText("a"),
  };
  await endCall(house, callId, details);
  const report = (await told(house.receiver, callId, 4)).at(-1);
  expect(report).toMatchObject({
    type: "end-of-call-report",
    analysis: "a",
    call: { recording: { url: "u" }, cost: 0.5 },
  });
  await runOut(house);
  expect(await act(house)).toBe(0);
  await expect(endCall(house, callId, { metrics: jsonText({}) })).rejects.toMatchObject({
    code: "report_sent",
  });
  await house.settled();
  expect(house.receiver.requests).toHaveLength(4);
});

test("a report waits by the database's clock, whatever time the platform reports, and is not sent earlier", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60 });
  for (const hours of [-20, 0, 20]) {
    const callId = await startCall(house, assistantId);
    await finish(house, callId, new Date(Date.now() + hours * 3_600_000));
  }
  const rows = await waiting(house);
  expect(rows).toHaveLength(3);
  for (const { id, waits } of rows) {
    expect(waits).toBeGreaterThan(30);
    expect(waits).toBeLessThanOrEqual(60);
    await house.record({ type: "call.report_due", callId: id });
  }
  expect(await act(house)).toBe(0);
  expect(await waiting(house)).toHaveLength(3);
});

test("a wait that is over survives a restart, and two processes tell its report once", {
  timeout: 30_000,
}, async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 1 });
  const calls = await Promise.all(Array.from({ length: 20 }, () => startCall(house, assistantId)));
  const before = watch(house);
  await Promise.all(calls.map((callId) => finish(house, callId)));
  await before.close();
  await house.close();
  await Promise.all([house.openProcess(), house.openProcess()].map((next) => watch(house, next)));
  await until("all reports have arrived", () => reportsOf(house).length >= 20);
  await house.settled();
  for (const callId of calls) {
    expect(serverMessages(house.receiver, callId).map(({ type }) => type)).toEqual([
      ...["status-update", "status-update", "end-of-call-report"],
    ]);
  }
  expect(house.errors).toEqual([]);
});

test("details and the end of the wait at the same moment make one report", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60 });
  const calls = await Promise.all(Array.from({ length: 20 }, () => startCall(house, assistantId)));
  await Promise.all(calls.map((callId) => finish(house, callId)));
  await runOut(house);
  const ends = calls.map((callId) =>
    endCall(house, callId, { cost: jsonText(1) }).then(
      () => "kept",
      ({ code }) => code,
    ),
  );
  await Promise.all([act(house), ...ends]);
  await until("all reports have arrived", () => reportsOf(house).length >= 20);
  await house.settled();
  const answers = await Promise.all(ends);
  expect(answers.every((answer) => answer === "kept" || answer === "report_sent")).toBe(true);
  calls.forEach((callId, index) => {
    const reports = reportsOf(house, callId);
    expect(reports).toHaveLength(1);
    // What was accepted is in the report.
    expect(reports[0]?.call.cost).toBe(answers[index] === "kept" ? 1 : null);
  });
});

test("a wait begins with the assistant as it is at the end, and a change of the assistant leaves it as it is", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60 });
  const callId = await startCall(house, assistantId);
  await finish(house, callId);
  await house.database.sql`update assistants set end_report_wait_seconds = 0`;
  await act(house);
  expect(await waiting(house)).toHaveLength(1);
  const next = await startCall(house, assistantId);
  await finish(house, next);
  expect(await told(house.receiver, next, 3)).toHaveLength(3);
});

test("a waiting report is erased with its call, and that is not an error", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60 });
  const callId = await startCall(house, assistantId);
  await finish(house, callId);
  await told(house.receiver, callId, 2);
  await runOut(house);
  const erasing = { ...house.audit, action: "call.erased" as const };
  const answers: unknown[] = [];
  // It falls due, and is erased before that can be recorded.
  watch(house, {
    ...house,
    facts: {
      ...house.facts,
      async record(fact) {
        await eraseCall({ ...house, audit: erasing }, { teamId: house.teamId, id: callId });
        return await house.facts.record(fact).finally(() => answers.push(fact.type));
      },
    },
  });
  await until("its time is over", () => answers.length > 0);
  await house.settled();
  expect(answers).toEqual(["call.report_due"]);
  expect(reportsOf(house)).toEqual([]);
  expect(house.errors).toEqual([]);
});

test("a deleted assistant's waiting report is not sent; later reports of its platform are kept", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60 });
  const [detailed, left] = await Promise.all([
    startCall(house, assistantId),
    startCall(house, assistantId),
  ]);
  await Promise.all([finish(house, detailed), finish(house, left)]);
  await house.settled();
  await endAssistant(house, { teamId: house.teamId, id: assistantId, actor: "system" });
  await endCall(house, detailed, { cost: jsonText(0.5) });
  await runOut(house);
  expect(await act(house)).toBe(1);
  await house.settled();
  expect(reportsOf(house)).toEqual([]);
  const rows = await house.database.sql<{ cost: Buffer | null }>`
    select cost from calls where id = ${detailed}`;
  expect(rows[0]?.cost?.toString()).toBe("0.5");
  expect(await waiting(house)).toEqual([]);
});

test("a closed team's waiting report is not sent", async () => {
  const house = await openHouse();
  const teamId = await house.newTeam();
  const assistantId = await makeAssistant(house, { endReportWaitSeconds: 60, teamId });
  const callId = "WC-01234567-89ab-4def-8123-456789abcdef";
  const data = { callType: "web" } as const;
  await house.record({ type: "call.created", teamId, callId, assistantId, data });
  await house.record({ type: "call.status", teamId, callId, data: { status: "finished" } });
  await house.settled();
  await eraseTeam({ database: house.database }, teamId, newId());
  expect(await waiting(house)).toEqual([]);
  expect(await act(house)).toBe(0);
  await house.settled();
  expect(reportsOf(house)).toEqual([]);
});
