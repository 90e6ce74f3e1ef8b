import { expect, test } from "vitest";
import { switchEndpoint } from "../../src/actions/endpoints.ts";
import { endSubscription } from "../../src/actions/subscriptions.ts";
import { findEndpoint, listEndpoints } from "../../src/db/endpoints.ts";
import { healthOf } from "../../src/domain/endpoint-health.ts";
import { type House, openHouse } from "../support/house.ts";
import { type Received, receive } from "../support/received.ts";

const still = { hot: false, started: false };

/** A subscription that nothing is sent to, and deliveries to it, oldest first. */
async function openStill(deliveries: number) {
  const house = await openHouse(still);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let made = 0; made < deliveries; made++) await house.workflow();
  const rows = await house.database.sql<{ id: string; createdAt: Date }>`
    select id, created_at as "createdAt" from deliveries order by id`;
  const of = (at: number) => {
    const row = rows[at];
    if (!row) throw new Error(`there is no delivery ${at}`);
    return row;
  };
  return {
    house,
    id,
    createdAt: (at: number) => of(at).createdAt,
    receive: (...received: [at: number, outcome: Received["outcome"]][]) =>
      receive(house.database, ...received.map(([at, outcome]) => ({ id: of(at).id, outcome }))),
    health: () => healthAt(house, id),
  };
}

async function healthAt({ database, teamId }: House, id: string) {
  const endpoint = await findEndpoint(database.sql, teamId, id);
  if (!endpoint) throw new Error("there is no such endpoint");
  return { ...endpoint, ...healthOf(endpoint.history) };
}

test("three deliveries that used up their retries make an endpoint fail, and the first success ends it", async () => {
  const { receive, health, createdAt } = await openStill(6);
  await receive([0, "delivered"]);
  await receive([2, "failed"]);
  await receive([1, "retry"]);
  await receive([3, "failed"]);
  expect(await health()).toMatchObject({ state: "healthy", lastFailing: null });
  await receive([1, "failed"]);
  expect(await health()).toMatchObject({
    state: "failing",
    // The delivery that was made first, though it was not the first to fail.
    since: createdAt(1),
    lastFailing: null,
    lastErrorCode: "timeout",
  });
  await receive([4, "delivered"]);
  const after = await health();
  expect(after).toMatchObject({ state: "healthy", lastFailing: { from: createdAt(1) } });
  expect(after.lastFailing?.to).toEqual(after.history.lastSuccessAt);
  expect(after.since).toEqual(after.lastFailing?.to);
});

test("a success between them starts the count of deliveries anew", async () => {
  const { receive, health } = await openStill(6);
  await receive([0, "failed"], [1, "failed"]);
  await receive([2, "delivered"]);
  await receive([3, "failed"], [4, "failed"]);
  expect((await health()).state).toBe("healthy");
  await receive([5, "failed"]);
  expect((await health()).state).toBe("failing");
});

test("ten attempts in ten minutes of which nine failed make an endpoint fail, and the ten minutes start anew when it recovers", async () => {
  const { receive, health, createdAt } = await openStill(3);
  await receive([0, "delivered"]);
  for (let failed = 0; failed < 8; failed++) await receive([1, "retry"]);
  expect((await health()).state).toBe("healthy");
  await receive([1, "retry"]);
  expect(await health()).toMatchObject({ state: "failing", since: createdAt(1) });
  await receive([1, "delivered"]);
  for (let failed = 0; failed < 9; failed++) await receive([2, "retry"]);
  // With those before the recovery it would be 20 attempts, of which 18 failed.
  expect((await health()).state).toBe("healthy");
  await receive([2, "retry"]);
  expect(await health()).toMatchObject({
    state: "failing",
    since: createdAt(2),
    lastFailing: { from: createdAt(1) },
  });
});

test("ten failed attempts that took longer than ten minutes do not make an endpoint fail", async () => {
  const { house, receive, health } = await openStill(1);
  for (let failed = 0; failed < 9; failed++) await receive([0, "retry"]);
  await house.database.sql`
    update rollups set at = at - interval '11 minutes' where minutes = 1`;
  await receive([0, "retry"]);
  expect((await health()).state).toBe("healthy");
});

test("an endpoint goes on failing however long ago its failures were, until it succeeds", async () => {
  const { house, receive, health, createdAt } = await openStill(4);
  await receive([0, "failed"], [1, "failed"], [2, "failed"]);
  await house.database.sql`
    update rollups set at = at - interval '5 hours' where minutes = 1`;
  await receive([3, "retry"]);
  expect(await health()).toMatchObject({ state: "failing", since: createdAt(0) });
});

test("failures of a failing endpoint are shown in its health, also those of older deliveries", async () => {
  const { receive, health, createdAt } = await openStill(5);
  await receive([2, "failed"], [3, "failed"], [4, "failed"]);
  expect(await health()).toMatchObject({ state: "failing", since: createdAt(2) });
  await receive([0, "retry"]);
  expect((await health()).since).toEqual(createdAt(0));
  await receive([1, "retry"]);
  expect((await health()).since).toEqual(createdAt(0));
});

test("while an endpoint succeeds, and once it counts as failing, no streak is written", async () => {
  const { house, receive } = await openStill(5);
  const versions = () =>
    house.database.sql`select xmin::text as version, ctid::text as place from failure_streaks`;
  await receive([0, "delivered"]);
  await receive([1, "delivered"]);
  expect(await versions()).toEqual([]);
  await receive([1, "failed"], [2, "failed"], [3, "failed"]);
  const failing = await versions();
  await receive([4, "failed"]);
  await receive([4, "retry"]);
  expect(await versions()).toEqual(failing);
  await receive([0, "delivered"]);
  const recovered = await versions();
  expect(recovered).not.toEqual(failing);
  await receive([0, "delivered"]);
  expect(await versions()).toEqual(recovered);
});

test("an endpoint without an attempt in 24 hours is idle, and what it failed before is kept", async () => {
  const { house, receive, health, createdAt } = await openStill(3);
  expect((await health()).state).toBe("idle");
  await receive([0, "failed"], [1, "failed"], [2, "failed"]);
  await house.database.sql`update subscriptions set created_at = created_at - interval '2 days'`;
  await house.database.sql`
    update rollups set at = at - interval '25 hours', last_failure_at = last_failure_at - interval '25 hours'`;
  const { state, since, lastFailing, history } = await health();
  expect([state, since]).toEqual(["idle", history.lastFailureAt]);
  expect(lastFailing).toEqual({ from: createdAt(0), to: history.lastFailureAt });
  await receive([0, "retry"]);
  expect(await health()).toMatchObject({ state: "failing", since: createdAt(0) });
});

test("a result that comes after its lease neither fails an endpoint nor ends a spell, whatever it is recorded with", async () => {
  const { house, receive: receiveAll, health } = await openStill(5);
  const ids = (await house.deliveries()).map(({ id }) => id);
  const late = (at: number, outcome: Received["outcome"]) => ({
    id: ids[at] ?? "",
    outcome,
    late: true,
  });
  const moved = (at: number, outcome: Received["outcome"]) => ({ id: ids[at] ?? "", outcome });
  await receive(house.database, moved(0, "failed"), late(1, "failed"), moved(2, "failed"));
  expect((await health()).state).toBe("healthy");
  await receive(house.database, moved(3, "failed"), late(4, "delivered"));
  expect((await health()).state).toBe("failing");
  await receive(house.database, late(4, "delivered"));
  expect((await health()).state).toBe("failing");
  await receive(house.database, moved(1, "delivered"), late(4, "delivered"));
  expect((await health()).state).toBe("healthy");
  await receiveAll([2, "failed"], [3, "failed"]);
  expect((await health()).state).toBe("healthy");
});

test("an attempt that was lost with its process, or ended with its subscription, makes no endpoint fail", async () => {
  const house = await openHouse(still);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let made = 0; made < 12; made++) await house.workflow();
  await endSubscription(house, { teamId: house.teamId, contract: "workflow" }, id, "system");
  await house.database.sql`update subscriptions set deleted_at = null where id = ${id}`;
  expect(await house.database.sql`select from failure_streaks`).toEqual([]);
  expect((await healthAt(house, id)).state).toBe("idle");
});

test("two results at once, of which one succeeds, leave an endpoint as one after the other would", async () => {
  const { receive, health } = await openStill(4);
  await receive([0, "failed"], [1, "failed"]);
  await Promise.all([receive([2, "failed"]), receive([3, "delivered"])]);
  const { state, lastFailing } = await health();
  expect([
    ["failing", false],
    ["healthy", false],
    ["healthy", true],
  ]).toContainEqual([state, lastFailing !== null]);
});

test("the dispatcher's records show a receiver that fails and recovers", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 1 });
  house.receiver.answerBy(() => 503);
  for (let made = 0; made < 3; made++) await house.workflow();
  await house.drain();
  expect(await healthAt(house, id)).toMatchObject({
    state: "failing",
    lastErrorCode: "http_status",
    attempts: 6,
    delivered: 0,
    pending: 0,
    oldestDueAt: null,
  });
  house.receiver.answerBy(() => 200);
  await house.workflow();
  await house.drain();
  const recovered = await healthAt(house, id);
  expect(recovered).toMatchObject({ state: "healthy", attempts: 7, delivered: 1 });
  expect(recovered.lastFailing).not.toBeNull();
  expect(house.errors).toEqual([]);
});

test("what waits for a disabled endpoint is counted, kept, and goes on when it is enabled", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  house.receiver.answerBy(() => 500);
  await house.workflow();
  await house.settled();
  const turn = (enabled: boolean) =>
    switchEndpoint(house, { teamId: house.teamId, id, actor: "system", enabled });
  expect(await turn(false)).toMatchObject({ disabledReason: "manual", pending: 1 });
  expect((await healthAt(house, id)).state).toBe("disabled");
  house.receiver.answerBy(() => 200);
  await house.passTime("1 hour");
  await house.settled();
  await house.workflow();
  expect(await house.delivery()).toMatchObject({ status: "pending", attempt_count: 1 });
  expect(await turn(true)).toMatchObject({ disabledReason: null });
  await house.drain();
  expect(await house.delivery()).toMatchObject({ status: "delivered", attempt_count: 2 });
});

test("a delivery that is on the wire for the first time is pending, and not late", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  let answer = (_: number) => {};
  house.receiver.answerBy(() => new Promise<number>((resolve) => (answer = resolve)));
  await house.workflow();
  await house.receiver.received(1);
  expect(await healthAt(house, id)).toMatchObject({ pending: 1, oldestDueAt: null });
  answer(200);
  await house.settled();
  expect(await healthAt(house, id)).toMatchObject({ state: "healthy", pending: 0 });
});

test("a process that dies between a success and the end of its spell leaves an endpoint healthy", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 0 });
  house.receiver.answerBy(() => 503);
  for (let made = 0; made < 3; made++) await house.workflow();
  await house.drain();
  const { sql } = house.database;
  const [before] = await sql<{ row: object }>`select to_jsonb(s) as row from failure_streaks s`;
  const failing = await healthAt(house, id);
  expect(failing.state).toBe("failing");
  house.receiver.answerBy(() => 200);
  await house.workflow();
  await house.drain();
  // As the second statement has not been: the spell is open still.
  await sql`delete from failure_streaks`;
  await sql`
    insert into failure_streaks
    select (jsonb_populate_record(null::failure_streaks, ${JSON.stringify(before?.row)}::jsonb)).*`;
  const recovered = await healthAt(house, id);
  expect(recovered.state).toBe("healthy");
  expect(recovered.lastFailing?.from).toEqual(failing.since);
  const page = { offset: 0, limit: 10 };
  const listed = async (state: "healthy" | "failing") => {
    const filter = { ids: null, contracts: null, states: [state], search: null };
    return (await listEndpoints(house.database, house.teamId, filter, page)).rows.length;
  };
  expect([await listed("healthy"), await listed("failing")]).toEqual([1, 0]);
});
