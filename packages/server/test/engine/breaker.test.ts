import { expect, test } from "vitest";
import { switchEndpoint } from "../../src/actions/endpoints.ts";
import { expireWaiting } from "../../src/actions/expire-waiting.ts";
import { redeliverNow } from "../../src/actions/redeliver.ts";
import { sendSample } from "../../src/actions/send-sample.ts";
import { expireWaitingForBreakersOfAllTeams } from "../../src/db/breakers.ts";
import { findEndpoint } from "../../src/db/endpoints.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { newId } from "../../src/ids.ts";
import { makeAssistant, say, startCall } from "../support/calls.ts";
import { type House, openHouse, type SubscribeOptions, until } from "../support/house.ts";

/** A subscription whose receiver answers 500 until the breaker is open; three deliveries have failed for good. */
async function openFailing(options: SubscribeOptions = {}, given = {}) {
  const house = await openHouse(given);
  house.receiver.answerBy(() => 500);
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 0, ...options });
  for (let made = 0; made < 3; made++) await house.workflow();
  await until("the breaker is open", async () => (await breaker(house, id)).state !== null);
  await house.settled();
  return { house, id, requests: house.receiver.requests.length };
}

type Breaker = {
  state: Date | null;
  probing: boolean;
  failed: number;
  inSeconds: number;
};

async function breaker({ database }: House, id: string): Promise<Breaker> {
  const [row] = await database.sql<Breaker>`
    select failing_at as state, probe_token is not null as probing, probes_failed as failed,
           extract(epoch from probe_at - now())::float8 as "inSeconds"
    from failure_streaks where subscription_id = ${id}`;
  return row ?? { state: null, probing: false, failed: 0, inSeconds: 0 };
}

const probeIsDue = ({ database, dispatcher }: House) =>
  database.sql`update failure_streaks set probe_at = now()`.then(() => dispatcher.wake());

/** Puts off the next probe, so that none comes in between. */
const noProbe = ({ database }: House) =>
  database.sql`update failure_streaks set probe_at = now() + interval '1 hour'`;

const pendingOf = async (house: House) =>
  (await house.deliveries()).filter(({ status }) => status === "pending");

/** Waits until each process has looked at the table twice more: what it saw first may have been older. */
async function looked(house: House) {
  for (let looks = 0; looks < 2; looks++) {
    const askedAtMs = performance.now();
    house.dispatcher.wake();
    const ago = () => house.dispatcher.sincePollMs() ?? Number.POSITIVE_INFINITY;
    await until("it was polled", () => performance.now() - ago() > askedAtMs);
  }
}

test("while an endpoint fails, new deliveries wait in the table and use no attempt", async () => {
  const { house, id, requests } = await openFailing();
  await noProbe(house);
  for (let made = 0; made < 20; made++) await house.workflow();
  await looked(house);
  expect(house.receiver.requests).toHaveLength(requests);
  const waiting = await pendingOf(house);
  expect(waiting.map(({ attempt_count, lease_token }) => [attempt_count, lease_token])).toEqual(
    Array(20).fill([0, null]),
  );
  const endpoint = await findEndpoint(house.database.sql, house.teamId, id);
  expect(endpoint).toMatchObject({ probing: false, pending: 20 });
});

test("one probe at a time is sent over all processes, the delivery that has waited for longest, with growing pauses", async () => {
  const { house, id, requests } = await openFailing();
  await noProbe(house);
  const others = [house.openProcess(), house.openProcess()];
  for (let made = 0; made < 5; made++) await house.workflow();
  const [oldest] = (await house.events()).slice(3);
  const answer = house.receiver.hold();
  await probeIsDue(house);
  for (const { dispatcher } of others) dispatcher.wake();
  await house.receiver.received(requests + 1);
  for (const process of [house, ...others]) await looked({ ...house, ...process });
  expect(house.receiver.requests).toHaveLength(requests + 1);
  expect(house.receiver.requests.at(-1)?.headers["webhook-id"]).toBe(`event_${oldest?.id}`);
  expect(await breaker(house, id)).toMatchObject({ probing: true });
  answer();
  await until("the probe is recorded", async () => !(await breaker(house, id)).probing);
  const first = await breaker(house, id);
  expect(first.failed).toBe(1);
  expect(first.inSeconds).toBeGreaterThan(0.5);
  expect(first.inSeconds).toBeLessThanOrEqual(2);
  await probeIsDue(house);
  await house.receiver.received(requests + 2);
  await until("the second is recorded", async () => (await breaker(house, id)).failed === 2);
  expect((await breaker(house, id)).inSeconds).toBeGreaterThan(2);
});

test("the first success closes the breaker, and all that waited is delivered", async () => {
  const { house, id, requests } = await openFailing();
  await noProbe(house);
  for (let made = 0; made < 30; made++) await house.workflow();
  await looked(house);
  let atOnce = 0;
  let most = 0;
  const started: number[] = [];
  house.receiver.answerBy(async () => {
    atOnce++;
    started.push(atOnce);
    most = Math.max(most, atOnce);
    await new Promise((resolve) => setTimeout(resolve, 5));
    atOnce--;
    return 200;
  });
  await probeIsDue(house);
  await house.receiver.received(requests + 30);
  await house.settled();
  expect(await pendingOf(house)).toEqual([]);
  expect((await breaker(house, id)).state).toBeNull();
  // The probe alone, and then more at once by and by.
  expect(started.slice(0, 2)).toEqual([1, 1]);
  expect(most).toBeGreaterThan(1);
});

test("a person's retry goes past the breaker and is made once", async () => {
  const { house, requests } = await openFailing();
  await noProbe(house);
  for (let made = 0; made < 5; made++) await house.workflow();
  const last = (await pendingOf(house)).at(-1);
  const { database, audit, teamId } = house;
  await redeliverNow(
    { database, audit },
    { teamId, contract: "workflow", name: { deliveryId: last?.id ?? "" }, actor: "key" },
  );
  await house.receiver.received(requests + 1);
  await until("it is recorded", async () => (await house.delivery(last?.id)).lease_token === null);
  await looked(house);
  expect(house.receiver.requests).toHaveLength(requests + 1);
  expect((await house.attempts(last?.id)).map(({ manual }) => manual)).toEqual([true]);
  expect(await pendingOf(house)).toHaveLength(5);
});

test.each([
  { contract: workflowWebhooks, eventType: "workflow_run_completed" },
  { contract: organisationWebhooks, eventType: "workflow.completed" },
])("a test of $eventType goes past the breaker", async ({ contract, eventType }) => {
  const house = await openHouse();
  const { database, keyring, audit, teamId } = house;
  const { id } = await house.subscribe({ events: [eventType] });
  await database.sql`update subscriptions set contract = ${contract.name}`;
  await database.sql`
    insert into failure_streaks (team_id, subscription_id, failed_from, failing_at, probe_at)
    values (${teamId}, ${id}, now(), now(), now() + interval '1 hour')`;
  const waiting = await house.workflow();
  await house.endRun(await house.startRun(waiting));
  await looked(house);
  const { length } = house.receiver.requests;
  await sendSample(
    { database, keyring, audit },
    { teamId, contract, subscriptionId: id, eventType, actor: "key", newId },
  );
  await house.receiver.received(length + 1);
  // It has arrived: the endpoint fails no more, and what waited follows.
  await house.settled();
  expect(await pendingOf(house)).toEqual([]);
});

test("contract C is not delayed: its messages go out while its server fails", async () => {
  const house = await openHouse();
  house.receiver.answerBy(() => 500);
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  for (let said = 0; said < 6; said++) await say(house, callId, "user", `word ${said}`);
  await until(
    "it counts as failing",
    async () => (await breaker(house, assistantId)).state !== null,
  );
  await noProbe(house);
  const { length } = house.receiver.requests;
  await say(house, callId, "user", "once more");
  await house.receiver.received(length + 1);
  await house.settled();
  expect((await house.deliveries()).filter(({ status }) => status === "pending")).toEqual([]);
});

test("a probe that is lost with its process is followed by another when its lease has ended", async () => {
  const { house, id, requests } = await openFailing({}, { hot: false });
  await noProbe(house);
  await house.workflow();
  await looked(house);
  await house.database.sql`
    update failure_streaks set probe_token = gen_random_uuid(), probe_at = now() + interval '20 minutes'`;
  await looked(house);
  expect(house.receiver.requests).toHaveLength(requests);
  await house.passTime("20 minutes");
  await house.receiver.received(requests + 1);
  await until("it is recorded", async () => !(await breaker(house, id)).probing);
});

test("after five days of failures a probe that fails disables the endpoint, and enabling goes on with what waits", async () => {
  const { house, id } = await openFailing();
  const { database, audit, keyring, teamId } = house;
  await noProbe(house);
  for (let made = 0; made < 3; made++) await house.workflow();
  await database.sql`update failure_streaks set failing_at = now() - interval '5 days'`;
  await probeIsDue(house);
  const disabled = async () =>
    (await findEndpoint(database.sql, teamId, id))?.disabledReason === "failing";
  await until("it is disabled", disabled);
  expect(await pendingOf(house)).toHaveLength(2);
  const entries = await database.sql`
    select action, actor_id, subject_id from audit_log where action = 'endpoint.disabled'`;
  expect(entries).toEqual([{ action: "endpoint.disabled", actor_id: "system", subject_id: id }]);

  // The five days start anew: the next probe does not disable it again.
  await switchEndpoint({ database, audit, keyring }, { teamId, id, actor: "key", enabled: true });
  await until("it was probed", async () => (await breaker(house, id)).failed === 1);
  expect((await findEndpoint(database.sql, teamId, id))?.disabledReason).toBeNull();
  house.receiver.answerBy(() => 200);
  await probeIsDue(house);
  await until("all is delivered", async () => (await pendingOf(house)).length === 0);
});

test("a team that wants so keeps its failing endpoints enabled", async () => {
  const { house, id } = await openFailing();
  const { database, teamId } = house;
  await database.sql`update teams set disable_failing_after_days = 0 where id = ${teamId}`;
  await noProbe(house);
  await house.workflow();
  await database.sql`update failure_streaks set failing_at = now() - interval '99 days'`;
  await probeIsDue(house);
  await until("it was probed", async () => (await breaker(house, id)).failed === 1);
  expect((await findEndpoint(database.sql, teamId, id))?.disabledReason).toBeNull();
});

test("what has waited for a breaker for three days is over, and the time in which the endpoint was disabled does not count", async () => {
  const { house, id } = await openFailing();
  const { database } = house;
  await noProbe(house);
  for (let made = 0; made < 4; made++) await house.workflow();
  const ids = (await pendingOf(house)).map((one) => one.id);
  const dueSince = (at: number, interval: string) => database.sql`
    update deliveries set due_at = now() - ${interval}::interval where id = ${ids[at]}`;
  await dueSince(0, "8 days");
  await dueSince(1, "3 days 1 minute");
  await dueSince(2, "2 days 23 hours");
  const expire = () =>
    expireWaiting(database.sql, { rowsMax: 100, untilMs: Number.POSITIVE_INFINITY });

  // The endpoint has failed for two days only: before that nothing waited for its breaker.
  await database.sql`update failure_streaks set failing_at = now() - interval '2 days'`;
  expect(await expire()).toBe(0);
  await database.sql`
    update failure_streaks set failing_at = now() - interval '9 days',
      disabled_during = tstzmultirange(tstzrange(now() - interval '2 days', now() - interval '1 day'))`;
  expect(await expire()).toBe(1);
  expect((await house.delivery(ids[0])).last_error).toBe("expired");
  await database.sql`update failure_streaks set disabled_during = '{}'`;
  expect(await expire()).toBe(1);
  await database.sql`update subscriptions set enabled = false where id = ${id}`;
  await dueSince(3, "30 days");
  expect(await expire()).toBe(0);
  expect((await pendingOf(house)).map((one) => one.id)).toEqual([ids[2], ids[3]]);
});

test("what has waited too long for several breakers ends few at a time, over all of them", async () => {
  const { house, id } = await openFailing();
  const { database, teamId } = house;
  const { id: other } = await house.subscribe({ events: ["workflow_created"] });
  await database.sql`
    insert into failure_streaks (team_id, subscription_id, failed_from, failing_at, probe_at)
    values (${teamId}, ${other}, now(), now(), now())`;
  await noProbe(house);
  for (let made = 0; made < 3; made++) await house.workflow();
  // The second endpoint's first attempts may leave before the walk has seen that it fails.
  await looked(house);
  await house.settled();
  await database.sql`
    update deliveries set due_at = now() - interval '4 days' where due_at is not null`;
  await database.sql`update failure_streaks set failing_at = now() - interval '9 days'`;
  const breakers = [id, other].map((subscriptionId) => ({
    teamId,
    subscriptionId,
    sinceSecondsAgo: 3 * 86_400,
  }));
  expect(await pendingOf(house)).toHaveLength(6);
  expect(await expireWaitingForBreakersOfAllTeams(database.sql, breakers, 4)).toBe(4);
  const untilMs = Number.POSITIVE_INFINITY;
  expect(await expireWaiting(database.sql, { rowsMax: 1, untilMs })).toBe(2);
});
