import { verify } from "@postrider/sdk";
import { expect, test } from "vitest";
import { responseBodyContext } from "../../src/db/attempts.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import { endCall, makeAssistant, say, startCall } from "../support/calls.ts";
import { tablesWith } from "../support/dump.ts";
import { type House, openHouse, type ProcessOptions } from "../support/house.ts";

const canary = "kanarienvogel";
const document = jsonText({ said: canary });

async function openSealingHouse(options: ProcessOptions = {}): Promise<House> {
  const house = await openHouse(options);
  await house.database.sql`update teams set encrypt_payloads = true where id = ${house.teamId}`;
  return house;
}

/** A run with a step and a call with two messages, all told to receivers that answer with the word. */
async function playEverything(house: House): Promise<void> {
  house.receiver.answerBy(() => ({ status: 200, body: `heard of ${canary}` }));
  await house.subscribe({ events: ["workflow_run_started", "workflow_run_completed"] });
  const runId = await house.startRun(await house.workflow(), { input: document });
  const step = { status: "completed", name: "a step", output: document, error: document } as const;
  await house.record({ type: "step.reported", runId, stepId: "step-1", data: step });
  const end = { output: document, collectedInformation: document, error: document };
  await house.endRun(runId, { status: "failed", ...end });
  const call = { userNumber: `+1 ${canary}`, assistantNumber: canary, metadata: document };
  const callId = await startCall(house, await makeAssistant(house), call);
  await say(house, callId, "user", `${canary} speaks`, { metrics: document });
  const report = { recording: document, analysis: document, cost: document, metrics: document };
  await endCall(house, callId, report);
  await house.drain();
}

test.each([
  ["handed over at once", true],
  ["claimed from the table", false],
])(
  "what a team that encrypts reports and is answered stands nowhere in the database in plain, and arrives in plain: %s",
  async (_how, hot) => {
    const house = await openSealingHouse({ hot });
    await playEverything(house);
    expect(await tablesWith(house.database, canary)).toEqual([]);

    const bodies = house.receiver.requests.map(({ body }) => JSON.parse(body.toString("utf8")));
    const ended = bodies.find(({ action }) => action === "workflow_run_completed");
    expect(ended.run).toMatchObject({
      input: { said: canary },
      output: { said: canary },
      error: { said: canary },
    });
    const messages = bodies.flatMap(({ message }) => message ?? []);
    const report = messages.find(({ type }) => type === "end-of-call-report");
    expect(report).toMatchObject({
      customer: { number: `+1 ${canary}` },
      call: { metadata: { said: canary }, recording: { said: canary } },
      messages: [{ text: `${canary} speaks`, metrics: { said: canary } }],
    });
    expect((await house.deliveries()).every(({ status }) => status === "delivered")).toBe(true);
  },
);

test.each([1, 200, 16_383, 16_384, 40_000])(
  "an answer of %i bytes to a team that encrypts is kept sealed, as much of it as is kept",
  async (bytes) => {
    const house = await openSealingHouse();
    await house.subscribe({ events: ["workflow_created"] });
    const answer = canary.repeat(Math.ceil(bytes / canary.length)).slice(0, bytes);
    house.receiver.answerWith({ status: 200, body: answer });
    await house.workflow();
    await house.drain();
    const rows = await house.database.sql<{
      id: string;
      number: number;
      plain: string | null;
      sealed: Buffer;
    }>`
      select delivery_id as id, number, response_body as plain, sealed_response_body as sealed from attempts`;
    const [row] = rows;
    if (!row) throw new Error("there is no attempt");
    expect(row.plain).toBeNull();
    const place = responseBodyContext(house.teamId, row.id, row.number);
    expect(house.keyring.open(row.sealed, place)).toBe(answer.slice(0, 16_384));
    if (bytes > canary.length) expect(await tablesWith(house.database, canary)).toEqual([]);
  },
);

test("without the setting, all values are in plain text: the search finds them", async () => {
  const house = await openHouse();
  await playEverything(house);
  const found = await tablesWith(house.database, canary);
  const [day = ""] = found.filter((name) => name.startsWith("events_"));
  expect(found).toEqual([
    day.replace("events", "attempts"),
    "call_messages",
    "calls",
    day,
    "runs",
    "steps",
  ]);
});

test("a retry of a sealed event has the same bytes as the first attempt, and both verify", async () => {
  const house = await openSealingHouse();
  const { secret } = await house.subscribe({ events: ["workflow_created"] });
  house.receiver.answerWith({ status: 500, body: canary });
  await house.workflow({ description: canary });
  await house.drain();
  const [first, second] = house.receiver.requests;
  expect(first?.body.toString()).toContain(canary);
  expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
  for (const request of [first, second]) {
    if (!request) throw new Error("there were no two requests");
    await verify(request.body, request.headers, secret);
  }
  const [attempt] = await house.attempts();
  expect(attempt).toMatchObject({ success: false, response_body: null });
});

test("the setting applies to new values: older ones are read and delivered unchanged", async () => {
  const house = await openHouse({ started: false, hot: false });
  await house.subscribe({ events: ["workflow_run_started", "workflow_run_completed"] });
  const runId = await house.startRun(await house.workflow(), { input: document });
  await house.database.sql`update teams set encrypt_payloads = true`;
  // The first process need not know of it yet.
  const process = house.openProcess();
  const data = { status: "completed", output: document } as const;
  await house.record({ type: "run.updated", runId, data }, process);
  const [started, ended] = await house.events();
  expect([started?.payload[0], ended?.payload[0]]).toEqual(["{".charCodeAt(0), 0]);
  house.dispatcher.start();
  await house.receiver.received(2);
  for (const { body } of house.receiver.requests) expect(body.toString()).toContain(canary);
});

test("a sealed payload that was altered or moved is not sent: the delivery says so and others go on", async () => {
  const house = await openSealingHouse({ hot: false, started: false });
  await house.subscribe({ events: ["workflow_created"], maxRetries: 0 });
  await house.workflow();
  await house.workflow();
  const [first] = await house.events();
  await house.database.sql`
    update events set payload = (select payload from events where id <> ${first?.id})
    where id = ${first?.id}`;
  house.dispatcher.start();
  await house.drain();
  const deliveries = await house.deliveries();
  expect(deliveries.map(({ status }) => status).sort()).toEqual(["delivered", "failed"]);
  const errors = (await house.attempts()).map(({ error_code }) => error_code);
  expect(errors.sort()).toEqual(["decrypt_failed", null]);
  expect(house.receiver.requests).toHaveLength(1);
});
