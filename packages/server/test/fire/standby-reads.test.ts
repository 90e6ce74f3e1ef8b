import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, startService } from "../support/process.ts";
import { type OwnPostgres, openOwnPostgres, ownDirectory } from "./own-postgres.ts";
import { openReporters, type Reporters } from "./reporters.ts";
import { openStandby, query } from "./standby.ts";

const runs = "/workflows/v1/workflow-runs";

/** A service that reads lists on a standby. */
async function openService() {
  const directory = ownDirectory();
  const primary = await openOwnPostgres(path.join(directory, "primary"), { wal_level: "replica" });
  await migrate(primary.url);
  const standby = await openStandby(primary, path.join(directory, "standby"));
  const env: Record<string, string> = {
    ...productionEnvironment(primary.url),
    DATABASE_REPLICA_URL: standby.url,
  };
  const service = await startService(["serve"], env);
  const reporters = await openReporters(service.url, env.POSTRIDER_API_KEY ?? "");
  const count = async (outcome: string) => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    const found = text.match(`postrider_list_reads_total\\{outcome="${outcome}"\\} (\\d+)`);
    return Number(found?.[1] ?? 0);
  };
  return { primary, standby, service, reporters, count };
}

/** Reports a run, and says whether the list that is asked for next begins with it; and how long that list took. */
async function reportAndList({ report, call }: Reporters) {
  const reported = await report();
  expect(reported.status).toBe(201);
  const askedAtMs = performance.now();
  const listed = await call("GET", `${runs}?size=1`);
  expect(listed.status).toBe(200);
  const { id } = reported.body.run;
  expect(id).toMatch(/^[0-9a-f]{24}$/);
  expect(listed.body.runs[0].id).toBe(id);
  return performance.now() - askedAtMs;
}

/** Everything that runs of this server. */
function processesOf({ dataDirectory }: OwnPostgres): number[] {
  const [first] = readFileSync(path.join(dataDirectory, "postmaster.pid"), "utf8").split("\n");
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => pid === first || parentOf(pid) === first)
    .map(Number);
}

function parentOf(pid: string): string | undefined {
  try {
    return /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

test("a list that a standby answers shows all that was acknowledged before it was asked for, whether the standby keeps up, falls behind, freezes or is gone", {
  timeout: 120_000,
}, async () => {
  const { standby, service, reporters, count } = await openService();
  const keepsUp: number[] = [];
  for (let asked = 0; asked < 50; asked++) keepsUp.push(await reportAndList(reporters));
  const read = await count("standby");
  expect(read).toBeGreaterThan(80); // A page and its count are two reads.

  await query(standby.url, "select pg_wal_replay_pause()");
  const behind: number[] = [];
  for (let asked = 0; asked < 5; asked++) behind.push(await reportAndList(reporters));
  expect(await count("behind")).toBeGreaterThanOrEqual(8);
  await query(standby.url, "select pg_wal_replay_resume()");
  await until("it keeps up again", async () => {
    await reportAndList(reporters);
    return (await count("standby")) > read + 4;
  });

  const frozen = processesOf(standby);
  for (const pid of frozen) process.kill(pid, "SIGSTOP");
  const thaw = () => {
    for (const pid of frozen) process.kill(pid, "SIGCONT");
  };
  onTestFinished(() => {
    if (frozen.some((pid) => parentOf(String(pid)) !== undefined)) thaw();
  });
  // The standby is synchronous: until it goes on nothing is acknowledged, and lists are.
  const askedAtMs = performance.now();
  expect((await reporters.call("GET", `${runs}?size=1`)).status).toBe(200);
  const frozenMs = performance.now() - askedAtMs;
  expect(frozenMs).toBeLessThan(2_000);
  expect(await count("away")).toBeGreaterThan(0);
  thaw();

  await standby.end("SIGKILL");
  const goneAtMs = performance.now();
  expect((await reporters.call("GET", `${runs}?size=1`)).status).toBe(200);
  expect(performance.now() - goneAtMs).toBeLessThan(2_000);
  await standby.start();
  const before = await count("standby");
  await until(
    "lists are read on the standby again",
    async () => {
      await reportAndList(reporters);
      return (await count("standby")) > before;
    },
    30_000,
  );
  const median = (all: number[]) => all.sort((one, other) => one - other)[all.length >> 1] ?? 0;
  console.log(
    `a list: ${median(keepsUp).toFixed(1)} ms on the standby (median of 50), ${median(behind).toFixed(0)} ms while it is behind, ${frozenMs.toFixed(0)} ms at its freezing`,
  );
  expect(await service.terminate()).toBe(0);
});

test("a walk that a standby answers leaves out what was under way on the primary when it began", {
  timeout: 60_000,
}, async () => {
  const { primary, service, reporters, count } = await openService();
  for (let made = 0; made < 3; made++) await reporters.report();
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  onTestFinished(() => client.end());
  const late = "000000000000000000000001";
  await client.query("begin");
  await client.query(
    `insert into runs select r.* from runs, jsonb_populate_record(null::runs,
       to_jsonb(runs) || jsonb_build_object('id', $1::text, 'created_in', pg_current_xact_id()::text)) r limit 1`,
    [late],
  );

  const first = await reporters.call("GET", `${runs}?size=1`);
  await client.query("commit");
  const told: string[] = [];
  let page = first;
  for (let pages = 0; pages < 10; pages++) {
    expect(page.status).toBe(200);
    told.push(...page.body.runs.map(({ id }: { id: string }) => id));
    if (page.body.next_cursor === null) break;
    page = await reporters.call("GET", `${runs}?size=1&cursor=${page.body.next_cursor}`);
  }
  expect(told).toHaveLength(3);
  expect(told).not.toContain(late);
  const anew = await reporters.call("GET", `${runs}?size=10`);
  expect(anew.body.runs.map(({ id }: { id: string }) => id)).toContain(late);
  expect(await count("standby")).toBeGreaterThanOrEqual(4);
  expect(await service.terminate()).toBe(0);
});
