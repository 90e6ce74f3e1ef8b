import { expect, test } from "vitest";
import { until } from "../support/house.ts";
import { startFaulty } from "../support/process.ts";
import { openFaultWorld } from "./fault-world.ts";

const count = 300;
/** A step before its commit, one behind it, and one later again. */
const deaths = [
  { point: "replay_before_commit", nth: 4 },
  { point: "replay_after_commit", nth: 3 },
  { point: "replay_before_commit", nth: 6 },
] as const;

test("a replay whose process is killed three times makes each delivery again once, leaves none out, and counts right", {
  timeout: 120_000,
}, async () => {
  const world = await openFaultWorld("unordered");
  const { house } = world;
  for (let run = 0; run < count; run++) await world.leaveInTable(`run ${run}`);
  const { sql } = house.database;
  await sql`
    update deliveries set status = 'failed', finished_at = now(), due_at = null, attempt_count = 1,
      last_attempt_at = now()`;
  await sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
      error_code, will_retry)
    select id, 1, created_at, left(md5(id), 24), team_id, 'https://example.com', false, 'timeout', false
    from deliveries`;

  let path: string | undefined;
  for (const { point, nth } of deaths) {
    const { ready, ended } = startFaulty({ point, nth, fault: "die" }, ["serve"], world.env);
    if (path === undefined) {
      const { url } = await ready;
      const body = { filter: {}, rate_per_second: 100 };
      const started = await world.call(url, "POST", "/v1/replays", { body });
      path = `/v1/replays/${started?.body.id}`;
    }
    expect((await ended).signal).toBe("SIGKILL");
    // Not at its end: what follows has something to do.
    const [replay] = await sql<{ replayed: number }>`select replayed from replays`;
    expect(replay?.replayed).toBeLessThan(count);
    await house.passTime("2 minutes");
  }
  const { url } = await world.takeOver();
  await until(
    "the replay is done",
    async () => (await world.call(url, "GET", path ?? ""))?.body.state === "done",
    60_000,
  );
  expect((await world.call(url, "GET", path ?? ""))?.body).toMatchObject({
    matching: count,
    replayed: count,
    skipped: 0,
    delivered: count,
    failed: 0,
  });

  const made = await sql<{ asked: number; lost: number; event: string }>`
    select d.manual_count as asked, d.event_id as event,
      (select count(*)::int from attempts a where a.delivery_id = d.id and error_code = 'unknown_outcome') as lost
    from deliveries d where d.status = 'delivered'`;
  expect(made).toHaveLength(count);
  for (const { asked, lost, event } of made) {
    expect(asked).toBe(1);
    // An attempt that was lost with its process may have arrived.
    const arrived = world.arrivals(event).length;
    expect(arrived).toBeGreaterThanOrEqual(1);
    expect(arrived).toBeLessThanOrEqual(1 + lost);
  }
  expect(await sql`select from replayed_deliveries`).toEqual([]);
});
