import type { ChildProcess } from "node:child_process";
import { verify } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { newId } from "../../src/ids.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { holdRefusedPort } from "../support/ports.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

type Line = {
  type: string;
  event_id: string;
  repeat: boolean;
  status_code: number;
  secret: string;
  listener_id: string;
};

/** `postrider listen --json`, and what it has printed. */
function startListening(args: readonly string[]) {
  let child: ChildProcess | undefined;
  let text = "";
  const ended = runCommand(["listen", "--json", ...args], {}, undefined, (started) => {
    child = started;
    started.stdout?.on("data", (chunk: Buffer) => {
      text += chunk;
    });
  });
  const lines = (): Line[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  onTestFinished(() => {
    child?.kill("SIGKILL");
  });
  return {
    lines,
    async begun(): Promise<Line> {
      await expect.poll(() => lines()[0]?.type, { timeout: 30_000 }).toBe("listening");
      return lines()[0] as Line;
    },
    async stop() {
      child?.kill("SIGINT");
      return await ended;
    },
  };
}

/** Asks a service. */
const askerOf =
  (url: string, key: string) => async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  };

const eventsCount = 500;
const batch = 20;

/** What the application answers, by the event: the history has to show just that. */
const answerTo = (eventId: string) => ({
  status: eventId.charCodeAt(eventId.length - 1) % 2 === 0 ? 200 : 202,
  body: `took ${eventId}`,
});

test("listen over a kill -9 of the service in the middle of 500 events: each arrives, in history with its real answer, repeats marked", {
  timeout: 240_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  await migrate(database.url);
  const env = productionEnvironment(database.url);
  const key = env.POSTRIDER_API_KEY ?? "";
  const application = await openReceiver();
  onTestFinished(() => application.close());
  application.answerBy(({ headers }) => answerTo(String(headers["webhook-id"])));

  const first = await startService(["serve"], env);
  const listening = startListening([
    ...["--url", first.url, "--key", key],
    ...["--forward", `${application.origin}/hook`],
  ]);
  const { secret, listener_id } = await listening.begun();
  const ask = askerOf(first.url, key);

  const ids = Array.from({ length: eventsCount }, () => newId());
  const report = async (some: readonly string[]) => {
    const facts = some.map((id) => ({
      ...{ type: "workflow.created", id: `created-${id}` },
      data: { _id: id, name: `Workflow ${id}` },
    }));
    return await ask("POST", "/v1/facts", { facts });
  };
  let killed: Promise<void> | undefined;
  let arrivedBefore = 0;
  const unreported: string[] = [];
  for (let from = 0; from < eventsCount; from += batch) {
    const some = ids.slice(from, from + batch);
    const answer = await report(some).catch(() => undefined);
    if (answer === undefined) unreported.push(...some);
    else {
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      expect(answer.body.results.map((one: { status: string }) => one.status)).toEqual(
        some.map(() => "recorded"),
      );
    }
    if (killed === undefined && from >= eventsCount / 2) {
      await application.received(eventsCount / 4);
      arrivedBefore = application.requests.length;
      killed = first.kill9();
    }
  }
  await killed;
  const second = await startService(["serve"], { ...env, PORT: new URL(first.url).port });
  // What was not acknowledged is reported again, as a platform would.
  for (let from = 0; from < unreported.length; from += batch) {
    expect((await report(unreported.slice(from, from + batch))).status).toBe(200);
  }

  const path = `/v1/deliveries?endpoint_id=${listener_id}`;
  const deliveriesOf = async () => {
    const found: { id: string; event_id: string; status: string }[] = [];
    for (let cursor = ""; ; ) {
      const { body } = await ask("GET", `${path}&limit=200${cursor}`);
      found.push(...body.deliveries);
      if (body.next_cursor === null) return found;
      cursor = `&cursor=${body.next_cursor}`;
    }
  };
  await expect
    .poll(
      async () => (await deliveriesOf()).filter(({ status }) => status === "delivered").length,
      {
        ...{ timeout: 120_000, interval: 1_000 },
      },
    )
    .toBe(eventsCount);
  const deliveries = await deliveriesOf();
  const arrived = new Map<string, number>();
  for (const { headers, body } of application.requests) {
    const id = String(headers["webhook-id"]);
    arrived.set(id, (arrived.get(id) ?? 0) + 1);
    await verify(body, headers as Record<string, string>, secret, { toleranceSeconds: 600 });
  }
  expect([...arrived.keys()].sort()).toEqual(deliveries.map(({ event_id }) => event_id).sort());

  let lost = 0;
  for (const { id, event_id } of deliveries) {
    const { attempts } = (await ask("GET", `/v1/deliveries/${id}`)).body;
    const last = [...attempts].sort((a, b) => a.number - b.number).at(-1);
    const { status, body } = answerTo(event_id);
    expect(last).toMatchObject({ status_code: status, response_body: body, error_code: null });
    lost += attempts.length - 1;
  }
  const requestLines = () => listening.lines().filter(({ type }) => type === "request");
  // A line follows its answer, and answers that met the restart are repeated with growing pauses.
  await expect
    .poll(() => requestLines().length, { timeout: 60_000 })
    .toBe(application.requests.length);
  const told = requestLines();
  for (const [id, count] of arrived) {
    const marks = told.filter(({ event_id }) => event_id === id).map(({ repeat }) => repeat);
    // The first one may be told last: its answer was kept back by the restart.
    expect(marks.sort()).toEqual(Array.from({ length: count }, (_, index) => index > 0));
  }
  const types = listening.lines().map(({ type }) => type);
  expect(types).toContain("away");
  expect(types).toContain("back");
  const repeats = told.filter(({ repeat }) => repeat).length;
  console.log(
    `${eventsCount} events, ${arrivedBefore} arrived before kill -9; ${arrived.size} arrived in all, ${repeats} repeats, all marked; ${lost} attempts lost with the process`,
  );
  expect((await listening.stop()).code).toBe(0);
  expect((await ask("GET", `/v1/endpoints/${listener_id}`)).status).toBe(404);
  expect(await second.terminate()).toBe(0);
});

test("listen reports what its application answers, or that it does not, and ends its listener", {
  timeout: 60_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  await migrate(database.url);
  const env = productionEnvironment(database.url);
  const key = env.POSTRIDER_API_KEY ?? "";
  const service = await startService(["serve"], env);
  const ask = askerOf(service.url, key);
  const connection = ["--url", service.url, "--key", key];

  const held = await holdRefusedPort();
  onTestFinished(held.release);
  const application = `http://127.0.0.1:${held.port}`;
  const refused = startListening([...connection, "--forward", application]);
  const looking = startListening([
    ...[...connection, "--no-forward", "--print-body", "--event", "workflow_created"],
  ]);
  const [one, other] = [await refused.begun(), await looking.begun()];
  await ask("POST", "/workflows/v1/workflows", { name: "Order desk" });
  const seen = (listening: typeof refused) => listening.lines().filter((l) => l.type === "request");
  await expect.poll(() => seen(refused).length, { timeout: 20_000 }).toBeGreaterThan(0);
  await expect.poll(() => seen(looking).length, { timeout: 20_000 }).toBe(1);
  expect(seen(refused)[0]).toMatchObject({ status_code: 502, problem: "refused" });
  expect(seen(looking)[0]).toMatchObject({ status_code: 200, repeat: false });
  expect(JSON.parse((seen(looking)[0] as unknown as { body: string }).body)).toMatchObject({
    action: "workflow_created",
  });
  const path = `/v1/deliveries?endpoint_id=${one.listener_id}`;
  await expect
    .poll(async () => (await ask("GET", path)).body.deliveries[0].status_code, { timeout: 20_000 })
    .toBe(502);
  expect((await refused.stop()).code).toBe(0);
  expect((await looking.stop()).code).toBe(0);
  for (const { listener_id } of [one, other]) {
    expect((await ask("GET", `/v1/endpoints/${listener_id}`)).status).toBe(404);
  }
  expect(await service.terminate()).toBe(0);
});
