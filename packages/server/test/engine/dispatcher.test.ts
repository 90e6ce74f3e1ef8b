import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test, vi } from "vitest";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import { listDueSubscriptionsOfAllTeams } from "../../src/db/due-walk.ts";
import type { Database } from "../../src/db/pool.ts";
import { claimSettings } from "../../src/dispatcher/claiming.ts";
import { quickMs } from "../../src/dispatcher/standing.ts";
import { leaseMs } from "../../src/domain/delivery.ts";
import { type House, openHouse, until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";

const cold = { hot: false, started: false };

const claim = (sql: House["database"]["sql"], subscriptionId: string, limit = 10) =>
  claimDueOfAllTeams(sql, [{ subscriptionId, limit, leaseMs: leaseMs(10) }], {
    leaseToken: randomUUID(),
    payloadBytesMax: 1_000_000,
  });

test("invariant 5: a claim passes over what another claim holds, without waiting for it", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.workflow();
  await house.database.begin(async (tx) => {
    const [held, ...rest] = await claim(tx, id, 1);
    expect(rest).toEqual([]);
    // The first one is not committed yet: who waited for it would wait for ever.
    const others = await Promise.race([
      claim(house.database.sql, id),
      new Promise<"waited">((resolve) => setTimeout(() => resolve("waited"), 2_000)),
    ]);
    expect(others).toHaveLength(1);
    expect(others).not.toMatchObject([{ id: held?.id }]);
  });
});

test("a walk reads only the subscriptions in its range and the deliveries without a lease, however many rows exist", async () => {
  const house = await openHouse({ hot: "dies", started: false });
  const { sql } = house.database;
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds, max_retries,
      backoff_seconds, sealed_signing_secret, created_by, updated_by)
    select team_id, lpad(to_hex(n), 24, '0'), contract, name, url, event_types, timeout_seconds, max_retries,
           backoff_seconds, sealed_signing_secret, created_by, updated_by
    from subscriptions, generate_series(1, 2999) n where id = ${id}`;
  // Each subscription has one delivery; statistics are taken while all of them are due.
  await house.workflow();
  await sql`update deliveries set due_at = now(), lease_token = null`;
  await sql`analyze subscriptions, deliveries`;
  await sql`
    update deliveries set due_at = null, status = 'delivered', finished_at = now()
    where subscription_id > lpad(to_hex(100), 24, '0')`;

  const read = await house.database.begin(async (tx) => {
    for (const [name, value] of Object.entries(claimSettings)) {
      await tx`select set_config(${name}, ${value}, true)`;
    }
    const soFar = async () => {
      const rows = await tx<{ relname: string; rows: number }>`
        select relname, (seq_tup_read + idx_tup_fetch)::int as rows
        from pg_stat_xact_user_tables where relname in ('subscriptions', 'deliveries')`;
      const of = (name: string) => rows.find(({ relname }) => relname === name)?.rows ?? 0;
      return { subscriptions: of("subscriptions"), deliveries: of("deliveries") };
    };
    const before = await soFar();
    expect(await listDueSubscriptionsOfAllTeams(tx, "", 30)).toHaveLength(30);
    const after = await soFar();
    return [after.subscriptions - before.subscriptions, after.deliveries - before.deliveries];
  });
  // A probe for each step, and what the planner looks at.
  expect(Math.max(...read)).toBeLessThan(40);
  expect(Math.min(...read)).toBeGreaterThanOrEqual(30);
});

test("invariant 5: while a lease lasts nobody else can claim, however often they ask", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 30; n++) await house.workflow();
  const claims = await Promise.all(
    Array.from({ length: 12 }, () => claim(house.database.sql, id, 7)),
  );
  const ids = claims.flat().map((delivery) => delivery.id);
  ids.push(...(await claim(house.database.sql, id, 100)).map((delivery) => delivery.id));
  expect(ids).toHaveLength(30);
  expect(new Set(ids).size).toBe(30);
  expect(await claim(house.database.sql, id, 100)).toEqual([]);
});

test("invariant 5: the attempt is counted and leased in the database before the request leaves", async () => {
  for (const hot of [true, false]) {
    const house = await openHouse({ hot });
    await house.subscribe({ events: ["workflow_created"] });
    const seen: unknown[] = [];
    house.receiver.answerBy(async () => {
      seen.push(await house.delivery());
      return 200;
    });
    await house.workflow();
    house.dispatcher.wake();
    await house.settled();
    expect(seen).toMatchObject([
      { status: "pending", attempt_count: 1, lease_token: expect.any(String) },
    ]);
  }
});

test("a claim takes no more bytes than it may, but always one delivery", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 3; n++) await house.workflow({ name: "x".repeat(1_000) });
  const sizes = [];
  for (;;) {
    const taken = await claimDueOfAllTeams(
      house.database.sql,
      [{ subscriptionId: id, limit: 10, leaseMs: 60_000 }],
      { leaseToken: randomUUID(), payloadBytesMax: sizes.length === 0 ? 10 : 6_000 },
    );
    if (taken.length === 0) break;
    sizes.push(taken.length);
  }
  expect(sizes).toEqual([1, 2]);
});

test("a claim takes the oldest due deliveries first", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 3; n++) await house.workflow();
  const [first, second, third] = await house.deliveries();
  await house.database.sql`
    update deliveries set due_at = due_at - interval '1 hour' where id = ${third?.id}`;
  expect((await claim(house.database.sql, id, 2)).map((one) => one.id)).toEqual([
    third?.id,
    first?.id,
  ]);
  expect((await claim(house.database.sql, id, 2)).map((one) => one.id)).toEqual([second?.id]);
});

test("invariant 8: body and webhook-id are the same bytes on every attempt; time and signature are fresh", async () => {
  let nowMs = Date.parse("2026-11-21T10:00:00Z");
  const house = await openHouse({ nowMs: () => nowMs });
  await house.subscribe({ events: ["workflow_created"], maxRetries: 2 });
  house.receiver.answerWith(500, 500, 200);
  await house.workflow({ name: "Grüße 🎉" });
  for (let n = 0; n < 2; n++) {
    await house.settled();
    nowMs += 90_000;
    await house.passTime("1 hour");
  }
  await house.settled();

  const { requests } = house.receiver;
  expect(requests).toHaveLength(3);
  const [event] = await house.events();
  for (const { body, headers } of requests) {
    expect(body.equals(event?.payload ?? Buffer.alloc(0))).toBe(true);
    expect(headers["webhook-id"]).toBe(`event_${event?.id}`);
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["user-agent"]).toBe("Postrider/test");
  }
  expect(requests.map(({ headers }) => Number(headers["webhook-timestamp"]))).toEqual([
    Date.parse("2026-11-21T10:00:00Z") / 1_000,
    Date.parse("2026-11-21T10:01:30Z") / 1_000,
    Date.parse("2026-11-21T10:03:00Z") / 1_000,
  ]);
  expect(new Set(requests.map(({ headers }) => headers["webhook-signature"])).size).toBe(3);
});

test("invariant 9: no transaction stays open while a request is on the wire", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  const openTransactions = async () => {
    const rows = await house.database.sql<{ name: string }>`
      select pid || ' since ' || xact_start as name from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null`;
    return rows.map(({ name }) => name);
  };
  house.receiver.answerBy(async (_request, count) => {
    // What is open now ends before we answer: a poll may, what waited for us could not.
    const atArrival = await openTransactions();
    await until("every transaction has ended", async () => {
      const now = await openTransactions();
      return !atArrival.some((name) => now.includes(name));
    });
    return count === 1 ? 500 : 200;
  });
  await house.workflow();
  await house.settled();
  await house.passTime("1 hour");
  await house.settled();
  expect(await house.delivery()).toMatchObject({ status: "delivered", attempt_count: 2 });
});

test("invariant 11: a hanging receiver with a long backlog does not slow another subscription", async () => {
  const house = await openHouse({ concurrency: 24, subscriptionConcurrency: 8 });
  const slow = await house.openReceiver();
  const open = slow.hold();
  const hanging = await house.subscribe({ receiver: slow, events: ["workflow_created"] });
  await Promise.all(Array.from({ length: 300 }, () => house.workflow()));
  await slow.received(8);

  await house.subscribe({ events: ["workflow_run_started"] });
  const workflowId = await house.workflow();
  const startedAtMs = performance.now();
  await Promise.all(Array.from({ length: 100 }, () => house.startRun(workflowId)));
  await house.receiver.received(100);

  expect(performance.now() - startedAtMs).toBeLessThan(4_000);
  expect(slow.requests).toHaveLength(8);
  const [row] = await house.database.sql<{ count: number }>`
    select count(*)::int as count from deliveries
    where subscription_id = ${hanging.id} and status = 'pending'`;
  expect(row?.count).toBe(301);
  open();
});

test("invariant 11: when more subscriptions are due than there are slots, each one gets its turn", async () => {
  const house = await openHouse({
    hot: false,
    started: false,
    concurrency: 2,
    subscriptionConcurrency: 4,
  });
  const subscriptions = [];
  for (let n = 0; n < 25; n++) {
    subscriptions.push(await house.subscribe({ path: `/${n}`, events: ["workflow_created"] }));
  }
  // Far more for each of them than fits at once.
  await Promise.all(Array.from({ length: 20 }, () => house.workflow()));
  house.dispatcher.start();
  await house.receiver.received(150);

  const turns = new Map<string, number>();
  for (const { path } of house.receiver.requests.slice(0, 150)) {
    turns.set(path, (turns.get(path) ?? 0) + 1);
  }
  expect(turns.size).toBe(25);
  expect(Math.max(...turns.values())).toBeLessThanOrEqual(12);
  await until("all have arrived", async () => house.receiver.requests.length === 500);
});

test("invariant 11: subscriptions that are due together share the room from the first claim on", async () => {
  const house = await openHouse({
    hot: false,
    started: false,
    concurrency: 16,
    subscriptionConcurrency: 16,
  });
  for (let n = 0; n < 8; n++) {
    await house.subscribe({ path: `/${n}`, events: ["workflow_created"] });
  }
  await Promise.all(Array.from({ length: 40 }, () => house.workflow()));
  const open = house.receiver.hold();
  house.dispatcher.start();
  // One request to each: none of these receivers has shown yet that it answers.
  await house.receiver.received(8);
  expect(house.receiver.requests.map(({ path }) => path).sort()).toEqual(
    Array.from({ length: 8 }, (_, n) => `/${n}`),
  );
  open();
});

test("a backlog over many subscriptions is worked off without pauses", async () => {
  const house = await openHouse({
    hot: false,
    started: false,
    concurrency: 2,
    subscriptionConcurrency: 4,
  });
  for (let n = 0; n < 5; n++) {
    await house.subscribe({ path: `/${n}`, events: ["workflow_created"] });
  }
  await Promise.all(Array.from({ length: 12 }, () => house.workflow()));
  const startedAtMs = performance.now();
  house.dispatcher.start();
  await house.receiver.received(60);
  // Each pause would be a poll interval of about a second; the work itself takes a tenth of one.
  expect(performance.now() - startedAtMs).toBeLessThan(2_500);
});

test("invariant 12: a process whose clock is two hours fast claims nothing early", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.database.sql`update deliveries set due_at = now() + interval '1 hour'`;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
  try {
    const fast = house.openProcess({ started: true, nowMs: () => Date.now() });
    await until("it has looked", () => fast.dispatcher.sincePollMs() !== undefined);
    expect(await claim(house.database.sql, id)).toEqual([]);
    fast.dispatcher.wake();
    await fast.close();
    expect(house.receiver.requests).toEqual([]);
    expect((await house.delivery()).attempt_count).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("invariant 12: a process whose clock is two hours slow delivers at once, and its retry falls due by the database's clock", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 2 * 3_600_000 });
  try {
    const house = await openHouse({ nowMs: () => Date.now() });
    await house.subscribe({ events: ["workflow_created"], backoffSeconds: 60 });
    house.receiver.answerWith(500);
    await house.workflow();
    await house.settled();
    const { due_in } = await house.delivery();
    expect(due_in).toBeGreaterThan(40);
    expect(due_in).toBeLessThanOrEqual(45);
  } finally {
    vi.useRealTimers();
  }
});

test("a disabled subscription's deliveries wait, unattempted, and go on when it is enabled", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 1 });
  house.receiver.answerWith(500);
  await house.workflow();
  await house.settled();
  await house.database.sql`update subscriptions set enabled = false where id = ${id}`;
  await house.passTime("1 hour");
  await house.workflow();
  await house.settled();
  expect(house.receiver.requests).toHaveLength(1);
  expect(await house.delivery()).toMatchObject({ status: "pending", attempt_count: 1 });

  await house.database.sql`update subscriptions set enabled = true where id = ${id}`;
  house.forgetTargets();
  await house.settled();
  expect(await house.delivery()).toMatchObject({ status: "delivered", attempt_count: 2 });
});

test("a delivery whose subscription is disabled between claim and sending is given back, and the attempt is not counted", async () => {
  const house = await openHouse({ started: false });
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.database.sql`
    create function disable_all() returns trigger language plpgsql as
    'begin update subscriptions set enabled = false; return null; end'`;
  await house.database.sql`
    create trigger disable_meanwhile after insert on deliveries for each statement execute function disable_all()`;
  await house.workflow();
  await house.dispatcher.close();
  expect(house.receiver.requests).toEqual([]);
  expect(await house.delivery()).toMatchObject({
    status: "pending",
    subscription_id: id,
    attempt_count: 0,
    lease_token: null,
  });
});

test("an attempt that might outlive its lease is not begun: the delivery is given back and goes out under a fresh one", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"], timeoutSeconds: 10 });
  await house.workflow();
  const claimed = await claim(house.database.sql, id);
  // It lay in memory for 20 of its 26 seconds.
  const { hotPath } = house.dispatcher;
  expect(hotPath.reserve(id, claimed[0]?.payload.length ?? 0)).toBe(true);
  hotPath.accept(claimed, performance.now() - 20_000);
  await until("it is given back", async () => (await house.delivery()).lease_token === null);
  expect(await house.delivery()).toMatchObject({ status: "pending", attempt_count: 0 });
  expect(house.receiver.requests).toEqual([]);
  house.dispatcher.start();
  await house.receiver.received(1);
});

test("a change of URL, token and policy applies from the next attempt on", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({
    events: ["workflow_created"],
    maxRetries: 5,
    token: "old-token",
    path: "/old",
  });
  house.receiver.answerWith(500, 500);
  await house.workflow();
  await house.settled();
  const credential = house.keyring.seal("new-token", {
    table: "subscriptions",
    column: "sealed_credential",
    teamId: house.teamId,
    rowId: id,
  });
  await house.database.sql`
    update subscriptions set url = ${`${house.receiver.origin}/new?x=1`}, max_retries = 1,
      sealed_credential = ${credential} where id = ${id}`;
  await house.passTime("1 hour");
  await house.settled();
  expect(house.receiver.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual(
    [
      ["/old", "Bearer old-token"],
      ["/new?x=1", "Bearer new-token"],
    ],
  );
  // The new policy allows one retry, and that was it.
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 2 });
});

test("on shutdown what is on the wire is finished and recorded, and what is not yet sent is given back uncounted", async () => {
  const house = await openHouse({ concurrency: 3, subscriptionConcurrency: 8 });
  await house.subscribe({ events: ["workflow_created"] });
  // A receiver that has answered is sent more than one at a time.
  await house.workflow();
  await house.settled();
  const open = house.receiver.hold();
  await Promise.all(Array.from({ length: 10 }, () => house.workflow()));
  await house.receiver.received(4);
  expect(house.dispatcher.held).toBeGreaterThan(3);

  let closed = false;
  const closing = house.close().then(() => {
    closed = true;
  });
  await until("the unsent are given back", async () => {
    const rows = await house.deliveries();
    return rows.filter(({ lease_token }) => lease_token !== null).length === 3;
  });
  expect(closed).toBe(false);
  open();
  await closing;

  const rows = await house.deliveries();
  expect(rows.filter(({ status }) => status === "delivered")).toHaveLength(4);
  const rest = rows.filter(({ status }) => status === "pending");
  expect(rest).toHaveLength(7);
  for (const row of rest) {
    expect(row).toMatchObject({ attempt_count: 0, lease_token: null });
    expect(row.due_in).toBeLessThanOrEqual(0);
  }
  expect(house.receiver.requests).toHaveLength(4);
});

test("the dispatcher goes on polling after a poll that failed, also when a retry fell due meanwhile", async () => {
  let breakPoll: (() => void) | undefined;
  const breaking = (database: Database): Database => {
    const sql = ((...given: Parameters<typeof database.sql>) => {
      const run = (database.sql as (...all: unknown[]) => unknown)(...given);
      if (given[0] !== ("list_due_subscriptions" as unknown)) return run;
      return async (...template: unknown[]) => {
        if (armed) {
          armed = false;
          await new Promise<void>((resolve) => {
            breakPoll = resolve;
          });
          throw Object.assign(new Error("Connection terminated unexpectedly"));
        }
        return (run as (...all: unknown[]) => unknown)(...template);
      };
    }) as Database["sql"];
    return { ...database, sql };
  };
  let armed = false;
  const house = await openHouse({ claims: breaking });
  await house.subscribe({ events: ["workflow_created"], backoffSeconds: 1, maxRetries: 1 });
  await until("it has looked", () => house.dispatcher.sincePollMs() !== undefined);

  // A poll that hangs; meanwhile a delivery fails, and its retry (in half a second) sets the timer, which fires.
  armed = true;
  house.dispatcher.wake();
  await until("the poll hangs", () => breakPoll !== undefined);
  house.receiver.answerWith(500, 200);
  await house.workflow();
  await until("the retry is due", async () => {
    const [row] = await house.deliveries();
    return row?.lease_token === null && row.due_in !== null && row.due_in < -0.3;
  });
  breakPoll?.();
  await until(
    "the retry has been delivered",
    async () => house.receiver.requests.length === 2,
    5_000,
  );
});

/** Ten subscriptions whose receiver hangs for longer than a test takes, and one of the house's own receiver. */
async function openCrowd() {
  const house = await openHouse({ concurrency: 16, subscriptionConcurrency: 4 });
  const hanging = await openReceiver();
  onTestFinished(() => hanging.close());
  const open = hanging.hold();
  // Four places each would be more than twice what there is in all.
  for (let n = 0; n < 10; n++) {
    const events = ["workflow_created"];
    await house.subscribe({ receiver: hanging, events, timeoutSeconds: 60 });
  }
  await house.subscribe({ events: ["workflow_created"] });
  return { house, hanging, open };
}

test("invariant 11: however many receivers hang, one that answers is served at once", async () => {
  const { house, hanging, open } = await openCrowd();
  await Promise.all(Array.from({ length: 5 }, () => house.workflow()));
  await house.receiver.received(5);
  // It goes on while the others are hanging still: nobody has come to a timeout.
  for (let n = 0; n < 20; n++) {
    await house.workflow();
    await house.receiver.received(6 + n);
  }
  expect(hanging.requests.length).toBeLessThanOrEqual(12);
  open();
});

test("invariant 11: however many receivers hang, one that was late once need not wait for their timeouts", async () => {
  const { house, open } = await openCrowd();
  const answer = house.receiver.hold();
  await house.workflow();
  await house.receiver.received(1);
  const askedAtMs = performance.now();
  await until(
    "its answer is late, and the others have been found silent",
    () => performance.now() - askedAtMs > quickMs * 2.2,
  );
  answer();
  for (let n = 0; n < 5; n++) {
    await house.workflow();
    await house.receiver.received(2 + n);
  }
  open();
});
