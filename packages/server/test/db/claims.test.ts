import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import { listDueSubscriptionsOfAllTeams } from "../../src/db/due-walk.ts";
import { crashesMax, type DueDelivery, decideClaim } from "../../src/domain/crash-policy.ts";
import type { GivenUp } from "../../src/domain/tally.ts";
import { openHouse } from "../support/house.ts";

const found: readonly DueDelivery[] = [true, false].flatMap((lost) =>
  [true, false].flatMap((ordered) =>
    [true, false].flatMap((payloadHeld) =>
      Array.from({ length: crashesMax + 2 }, (_, crashCount) => ({
        ...{ lost, ordered, payloadHeld, crashCount },
      })),
    ),
  ),
);

test("a claim leases and ends deliveries as decideClaim says, whatever it finds", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const subscriptions: { id: string; given: DueDelivery }[] = [];
  for (const given of found) {
    const { id } = await house.subscribe({ events: ["workflow_created"] });
    subscriptions.push({ id, given });
  }
  // Two events: one keeps its payload.
  await house.workflow();
  await house.workflow();
  const [held, expired] = await house.events();
  await sql`update events set payload = null where id = ${expired?.id}`;
  const before = new Map<string, DueDelivery>();
  for (const [index, { id, given }] of subscriptions.entries()) {
    const event = given.payloadHeld ? held : expired;
    await sql`delete from deliveries where subscription_id = ${id} and event_id <> ${event?.id}`;
    const [row] = await sql<{ id: string }>`
      update deliveries
      set due_at = now() - (1000 - ${index}::int) * interval '1 second', attempt_count = 5, manual_count = 5,
          crash_count = ${given.crashCount}, lease_token = ${given.lost ? randomUUID() : null},
          order_key = ${given.ordered ? id : null}, order_position = ${given.ordered ? 1 : null},
          last_error = 'http_status'
      where subscription_id = ${id}
      returning id`;
    if (row) before.set(row.id, given);
  }
  expect(before.size).toBe(found.length);

  const shares = subscriptions.map(({ id, given }) => ({
    ...{ subscriptionId: id, limit: 10, leaseMs: 60_000 },
    kind: given.ordered ? ("ordered" as const) : ("any" as const),
  }));
  const leased: string[] = [];
  const givenUp: GivenUp[] = [];
  const leaseToken = randomUUID();
  const claim = async () => {
    const claimed = await claimDueOfAllTeams(sql, shares, {
      ...{ leaseToken, payloadBytesMax: 1_000_000_000 },
      onGivenUp: (one) => givenUp.push(one),
    });
    leased.push(...claimed.map(({ id }) => id));
    return claimed;
  };

  const decisions = [...before].map(([id, given]) => ({ id, given, decision: decideClaim(given) }));
  const isSuspect = ({ decision }: (typeof decisions)[number]) =>
    decision.kind === "lease" && decision.suspect;
  const suspects = decisions.filter(isSuspect).map(({ id }) => id);
  expect(suspects).toHaveLength(crashesMax - 1);
  // The first claim takes all others, and the oldest suspect; each further claim takes the next suspect.
  await claim();
  const waiting = await house.deliveries();
  const isTaken = (row: { lease_token: string | null; status: string }) =>
    row.status === "failed" || row.lease_token === leaseToken;
  const untaken = waiting.filter((row) => !isTaken(row)).map(({ id }) => id);
  expect(untaken.sort()).toEqual(suspects.slice(1).sort());
  for (const suspect of suspects.slice(1)) {
    expect((await claim()).map(({ id }) => id)).toEqual([suspect]);
  }
  expect(await claim()).toEqual([]);

  const rows = new Map((await house.deliveries()).map((row) => [row.id, row]));
  for (const { id, given, decision } of decisions) {
    const isLeased = decision.kind === "lease";
    const again = isLeased && given.lost;
    expect([given, rows.get(id)]).toMatchObject([
      given,
      {
        status: isLeased ? "pending" : "failed",
        lease_token: isLeased ? leaseToken : null,
        crash_count: given.crashCount + (again ? 1 : 0),
        attempt_count: isLeased ? 6 : 5,
        last_error: isLeased ? (again ? "unknown_outcome" : "http_status") : decision.errorCode,
      },
    ]);
    expect([given, await house.attempts(id)]).toMatchObject([
      given,
      given.lost ? [{ number: 5, error_code: "unknown_outcome", will_retry: isLeased }] : [],
    ]);
  }
  const codes = decisions.flatMap(({ decision }) =>
    decision.kind === "give_up" ? [decision.errorCode] : [],
  );
  expect(givenUp.map(({ errorCode }) => errorCode).sort()).toEqual([...codes].sort());
  expect(leased).toHaveLength(found.length - codes.length);
});

test("a claimed delivery says whether it waits for the breaker: not if a person asked for it", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 2; n++) await house.workflow();
  const [usual, asked] = (await house.deliveries()).map((delivery) => delivery.id);
  await sql`update deliveries set past_breaker = true where id = ${asked}`;
  const claimed = await claimDueOfAllTeams(
    sql,
    [{ subscriptionId: id, limit: 10, leaseMs: 60_000 }],
    {
      ...{ leaseToken: randomUUID(), payloadBytesMax: 1_000_000 },
      onGivenUp: () => {},
    },
  );
  const breakers = Object.fromEntries(claimed.map((one) => [one.id, one.breaker]));
  expect(breakers).toEqual({
    [String(usual)]: "waits",
    [String(asked)]: "passes",
  });
});

test("a failing endpoint is walked as one whose delivery passes the breaker only while that is due", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 2; n++) await house.workflow();
  await sql`
    insert into failure_streaks (team_id, subscription_id, failed_from, failing_at, probe_at)
    values (${house.teamId}, ${id}, now(), now(), now() + interval '1 hour')`;
  const [, asked] = await house.deliveries();
  const walked = async (dueIn: string) => {
    await sql`
      update deliveries set past_breaker = true, due_at = now() + ${dueIn}::interval
      where id = ${asked?.id}`;
    const [found] = await listDueSubscriptionsOfAllTeams(sql, "", 10);
    return [found?.failing, found?.pastBreaker];
  };
  expect(await walked("1 minute")).toEqual([true, false]);
  expect(await walked("-1 second")).toEqual([true, true]);
});
