import { expect, onTestFinished, test } from "vitest";
import { findEndpoint, listEndpoints } from "../../src/db/endpoints.ts";
import { openDatabase, openTeamDatabase } from "../../src/db/pool.ts";
import { newId } from "../../src/ids.ts";
import { createDatabase } from "../support/postgres.ts";
import { countRowsLookedAt, vacuumDeliveries } from "../support/rows-looked-at.ts";

const all = { ids: null, contracts: null, states: null, search: null };

/** Ten endpoints of which each has had 1,000 deliveries; three wait for each. */
async function open() {
  const home = await createDatabase();
  const connections = {
    url: home.url,
    name: "test",
    connectionsMax: 2,
    statementTimeoutMs: 10_000,
    onError: () => {},
  };
  const owner = openDatabase({ ...connections, role: "owner" });
  const teams = openTeamDatabase({ ...connections, role: "postrider_team" });
  onTestFinished(async () => {
    await teams.close();
    await owner.close();
    await home.drop();
  });
  const { sql } = owner;
  const teamId = newId();
  const ids = Array.from({ length: 10 }, () => newId());
  await sql`insert into teams (id, name) values (${teamId}, 'test')`;
  await sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds, max_retries,
      backoff_seconds, sealed_signing_secret, created_by, updated_by)
    select ${teamId}, id, 'workflow', 'a', 'https://example.com/', '{any}', 10, 3, 10, '', 'system', 'system'
    from unnest(${ids}::text[]) s (id)`;
  await sql`
    insert into deliveries (team_id, id, event_id, subscription_id, event_type, status, due_at, finished_at)
    select ${teamId}, left(md5(n || id), 24), gen_random_uuid(), id, 'any',
           case when n <= 3 then 'pending' else 'delivered' end,
           case when n <= 3 then now() end, case when n > 3 then now() end
    from unnest(${ids}::text[]) s (id), generate_series(1, 1000) n`;
  await vacuumDeliveries(sql);
  await sql`analyze`;
  return { sql, walled: teams.forTeams([teamId]), teamId, ids };
}

test("a list of endpoints looks at what waits for them, and at nothing that has ended", async () => {
  const { walled, teamId, ids } = await open();
  const page = { offset: 0, limit: 50 };
  const looked = await countRowsLookedAt(walled, (database) =>
    listEndpoints(database, teamId, all, page),
  );
  // Each is counted, and the first one is looked up.
  expect(looked).toBeLessThanOrEqual(ids.length * 4);
  const one = await countRowsLookedAt(walled, (database) =>
    findEndpoint(database.sql, teamId, ids[0] ?? ""),
  );
  expect(one).toBeLessThanOrEqual(4);
});

test("the last hour is the hour that has begun and the minutes before it, whatever the parts", async () => {
  const { sql, walled, teamId, ids } = await open();
  const [id = ""] = ids;
  // As results write them: for the minute, the hour and the day.
  const count = (minutesAgo: number, attempts: number, part: number) => sql`
    insert into rollups as r
    select ${teamId}, ${id}, minutes, date_trunc(step, now() - ${minutesAgo} * interval '1 minute', 'UTC'), 'any',
      ${part}, ${attempts}, ${attempts}, 0, 0, array[0, ${attempts}]::int4[]
    from (values (1, 'minute'), (60, 'hour'), (1440, 'day')) length (minutes, step)
    on conflict (team_id, subscription_id, minutes, at, event_type, part) do update set
      attempts = r.attempts + excluded.attempts, delivered = r.delivered + excluded.delivered,
      latencies = array[0, r.latencies[2] + excluded.latencies[2]]`;
  await count(0, 1, 0);
  await count(0, 2, 5);
  await count(30, 4, 0);
  await count(58, 8, 3);
  await count(61, 100, 0);
  await count(200, 100, 0);
  const endpoint = await findEndpoint(walled.sql, teamId, id);
  expect(endpoint).toMatchObject({ attempts: 15, delivered: 15 });
  expect(endpoint?.latencies.slice(0, 3)).toEqual([0, 15, 0]);
});
