import { verify } from "@postrider/sdk";
import { expect, test } from "vitest";
import { stepReplay } from "../../src/actions/replay-step.ts";
import { tellOperators } from "../../src/actions/tell-operators.ts";
import { everyDelivery } from "../../src/db/delivery-sought.ts";
import { noteBacklogOfAllTeams } from "../../src/db/operational-happenings.ts";
import { insertReplay } from "../../src/db/replays.ts";
import { operationalEventTypes } from "../../src/domain/lifecycle/operational.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse, type SubscribeOptions, until } from "../support/house.ts";
import type { Receiver } from "../support/http-receiver.ts";

/** An operational webhook that wants everything, and a receiver of workflows that answers 500. */
async function openWorld(options: SubscribeOptions & { allTeams?: boolean } = {}) {
  const house = await openHouse();
  const operator = await house.openReceiver();
  const webhook = await subscribeOperator(house, operator, options);
  house.receiver.answerBy(() => 500);
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 0 });
  const tell = () => tellOperators({ database: house.claims, vault: house.vault });
  /** Tells what was noted, and gives what has arrived of an event type. */
  const told = async (type: string, count = 1) => {
    await tell();
    await house.settled();
    const all = operator.requests.map(({ body }) => JSON.parse(body.toString()));
    const found = all.filter((body) => body.type === type);
    expect(found).toHaveLength(count);
    return found;
  };
  const failThrice = async () => {
    for (let made = 0; made < 3; made++) await house.workflow();
    await house.settled();
    await until("it fails", async () => {
      const rows = await house.database
        .sql`select from failure_streaks where failing_at is not null`;
      return rows.length === 1;
    });
  };
  return { house, operator, webhook, id, tell, told, failThrice };
}

async function subscribeOperator(
  house: House,
  receiver: Receiver,
  { allTeams = false, ...options }: SubscribeOptions & { allTeams?: boolean } = {},
) {
  const webhook = await house.subscribe({ receiver, events: operationalEventTypes, ...options });
  await house.database.sql`
    update subscriptions set contract = 'operational', all_teams = ${allTeams}
    where id = ${webhook.id}`;
  return webhook;
}

test("endpoint.failing says since when an endpoint fails, and endpoint.recovered has both times", async () => {
  const { house, id, told, failThrice } = await openWorld();
  await failThrice();
  const [failing] = await told("endpoint.failing");
  const [first] = await house.database.sql<{ created_at: Date }>`
    select created_at from deliveries where subscription_id = ${id} order by id limit 1`;
  expect(failing).toEqual({
    event_id: expect.stringMatching(/^event_[0-9a-f-]{36}$/),
    type: "endpoint.failing",
    timestamp: expect.stringMatching(/Z$/),
    data: {
      endpoint: {
        id,
        contract: "workflow",
        name: expect.any(String),
        url: expect.stringContaining("http://127.0.0.1"),
        failing_since: first?.created_at.toISOString(),
        until: null,
      },
    },
  });

  house.receiver.answerBy(() => 200);
  await house.workflow();
  await house.passTime("2 minutes");
  await house.settled();
  await until("the spell is over", async () => {
    const rows = await house.database
      .sql`select from failure_streaks where last_failing_to is not null`;
    return rows.length === 1;
  });
  const [recovered] = await told("endpoint.recovered");
  const { endpoint } = recovered.data;
  expect(endpoint.failing_since).toBe(first?.created_at.toISOString());
  expect(Date.parse(endpoint.until)).toBeGreaterThan(Date.parse(endpoint.failing_since));
});

test("endpoint.disabled is sent when an endpoint is disabled for failing", async () => {
  const { house, id, told, failThrice } = await openWorld();
  await failThrice();
  await house.database.sql`update failure_streaks set failing_at = now() - interval '6 days'`;
  await house.workflow();
  await house.passTime("2 minutes");
  await until("it is disabled", async () => {
    const rows = await house.database
      .sql`select from subscriptions where disabled_reason = 'failing'`;
    return rows.length === 1;
  });
  const [disabled] = await told("endpoint.disabled");
  expect(disabled.data.endpoint).toMatchObject({ id, until: expect.stringMatching(/Z$/) });
});

test("delivery.exhausted is sent for each delivery that has used up its retries", async () => {
  const { house, id, told } = await openWorld();
  await house.workflow();
  await house.settled();
  const [exhausted] = await told("delivery.exhausted");
  const [delivery] = (await house.deliveries()).filter((one) => one.subscription_id === id);
  expect(exhausted.data.delivery).toEqual({
    id: delivery?.id,
    endpoint_id: id,
    contract: "workflow",
    event_type: "workflow_created",
    event_id: `event_${delivery?.event_id}`,
    attempts_count: 1,
    status_code: 500,
    error_code: "http_status",
    created_at: expect.stringMatching(/Z$/),
  });
});

test("replay.completed is sent when a replay has ended by itself", async () => {
  const { house, told } = await openWorld();
  const { database, teamId } = house;
  const id = newId();
  await database.begin((tx) =>
    insertReplay(tx, {
      teamId,
      id,
      which: "failed",
      ratePerSecond: 100,
      actor: "system",
      search: { deliveries: everyDelivery },
    }),
  );
  await until("the replay has ended", async () => {
    await database.sql`update replays set due_at = now() where due_at is not null`;
    await stepReplay({ database, freeSlots: () => 10 }, { teamId, id });
    const rows = await database.sql`select from replays where state = 'done'`;
    return rows.length === 1;
  });
  const [completed] = await told("replay.completed");
  expect(completed.data.replay).toMatchObject({ id, matching: 0, replayed: 0 });
});

test("backlog.growing is sent only to webhooks for all teams, once an hour", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const tell = () => tellOperators({ database: house.claims, vault: house.vault });
  const told = () => sql<{ subscription_id: string }>`
    select subscription_id from deliveries where event_type = 'backlog.growing'`;
  const everyone = await subscribeOperator(house, await house.openReceiver(), { allTeams: true });
  await subscribeOperator(house, await house.openReceiver());
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  const late = (interval: string) => sql`
    update deliveries set due_at = now() - ${interval}::interval where subscription_id = ${id}`;

  await late("1 minute");
  expect(await noteBacklogOfAllTeams(sql)).toBe(0);
  await late("5 minutes");
  await sql`update subscriptions set enabled = false where id = ${id}`;
  expect(await noteBacklogOfAllTeams(sql)).toBe(0);
  await sql`update subscriptions set enabled = true where id = ${id}`;
  expect(await noteBacklogOfAllTeams(sql)).toBe(1);
  expect(await noteBacklogOfAllTeams(sql)).toBe(0);
  expect(await tell()).toBe(1);
  expect(await told()).toEqual([{ subscription_id: everyone.id }]);
  expect(await noteBacklogOfAllTeams(sql)).toBe(0);
  await sql`
    update deliveries set created_at = now() - interval '61 minutes'
    where event_type = 'backlog.growing'`;
  expect(await noteBacklogOfAllTeams(sql)).toBe(1);
});

test("operational webhooks send no events about themselves", async () => {
  const { house, operator, tell } = await openWorld();
  operator.answerBy(() => 500);
  await house.database.sql`update subscriptions set max_retries = 0 where contract = 'operational'`;
  for (let made = 0; made < 4; made++) await house.workflow();
  await house.settled();
  await tell();
  await house.settled();
  await tell();
  await house.settled();
  const types = operator.requests.map(({ body }) => JSON.parse(body.toString()));
  expect(types.length).toBeGreaterThan(3);
  expect(types.filter(({ data }) => data.delivery?.contract === "operational")).toEqual([]);
  expect(types.filter(({ data }) => data.endpoint?.contract === "operational")).toEqual([]);
  // An event that waits, because its own webhook fails, would be one too many as well.
  const made = await house.database.sql<{ type: string }>`
    select event_type as type from events where contract = 'operational' order by event_type`;
  expect(made.map(({ type }) => type)).toEqual([
    ...Array.from({ length: 4 }, () => "delivery.exhausted"),
    "endpoint.failing",
  ]);
});

test("a webhook for all teams gets every team's events with the team's id, and a team's webhook only its own", async () => {
  const { house, operator, tell } = await openWorld();
  const everyone = await house.openReceiver();
  await subscribeOperator(house, everyone, { allTeams: true });
  const teamId = await house.newTeam();
  await house.subscribe({ teamId, events: ["workflow_created"], maxRetries: 0 });
  await house.workflow({ teamId });
  await house.settled();
  await tell();
  await house.settled();
  const bodies = everyone.requests.map(({ body }) => JSON.parse(body.toString()));
  expect(bodies.map(({ type, data }) => [type, data.team_id])).toEqual([
    ["delivery.exhausted", teamId],
  ]);
  expect(operator.requests).toEqual([]);
});

test("what operators are posted is signed as contract A's webhooks are, and verify knows its type", async () => {
  const { house, operator, webhook, tell } = await openWorld();
  await house.workflow();
  await house.settled();
  await tell();
  await operator.received(1);
  const [request] = operator.requests;
  if (!request) throw new Error("nothing arrived");
  const event = await verify(request.body, request.headers, webhook.secret);
  expect(event).toMatchObject({ contract: "operational", type: "delivery.exhausted" });
  expect(request.headers).toHaveProperty("x-interactly-signature");
});

test("a happening that no webhook wants is not noted", async () => {
  const { house } = await openWorld({ events: ["endpoint.disabled"] });
  await house.workflow();
  await house.settled();
  expect(await house.database.sql`select from operational_happenings`).toEqual([]);
});
