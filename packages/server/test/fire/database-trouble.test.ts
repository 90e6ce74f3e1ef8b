import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, startService } from "../support/process.ts";
import { type OwnPostgres, openOwnPostgres, ownDirectory } from "./own-postgres.ts";
import { openReporters } from "./reporters.ts";

const connectionsMax = 30;
const recoveryMsMax = 15_000;

async function openWorld() {
  const postgres = await openOwnPostgres(path.join(ownDirectory(), "postgres"), {
    max_connections: String(connectionsMax),
  });
  await migrate(postgres.url);
  const env = productionEnvironment(postgres.url);
  const service = await startService(["serve"], env);
  const reporters = await openReporters(service.url, env.POSTRIDER_API_KEY ?? "");
  const ready = async () => (await reporters.call("GET", "/readyz")).status;
  const expectNothingLost = async () => {
    await until("everything acknowledged arrives", () => reporters.missing().length === 0, 45_000);
    await until("it is ready", async () => (await ready()) === 200, recoveryMsMax);
    const others = [...reporters.answers.keys()].filter((status) => ![201, 503].includes(status));
    expect(others).toEqual([]);
    expect(await service.terminate()).toBe(0);
  };
  return { postgres, service, reporters, ready, expectNothingLost };
}

test("PostgreSQL ends at once under load and is back after some seconds: no caller is refused, reads fail at once, and every fact arrives", {
  timeout: 90_000,
}, async () => {
  const { postgres, reporters, expectNothingLost } = await openWorld();
  const stop = reporters.start(8);
  await until("a hundred are acknowledged", () => reporters.acknowledged.size >= 100);
  await postgres.end("SIGKILL");
  const awaySinceMs = performance.now();
  const list = () => reporters.call("GET", "/v1/endpoints");
  await until("a read is refused", async () => (await list()).status === 503);
  const askedAtMs = performance.now();
  expect((await list()).status).toBe(503);
  expect(performance.now() - askedAtMs).toBeLessThan(2_000);
  await until("some seconds are over", () => performance.now() - awaySinceMs > 4_000);
  await postgres.start();
  const { size: before } = reporters.acknowledged;
  await until("facts are acknowledged again", () => reporters.acknowledged.size > before + 100);
  await stop();
  expect([...reporters.answers.keys()]).toEqual([201]);
  await expectNothingLost();
});

test("PostgreSQL ends at once under load, and stays away: 503 after ten seconds until it is back, everything acknowledged arrives", {
  timeout: 90_000,
}, async () => {
  const { postgres, reporters, expectNothingLost } = await openWorld();
  const stop = reporters.start(8);
  await until("a hundred are acknowledged", () => reporters.acknowledged.size >= 100);
  for (let times = 0; times < 2; times++) {
    await postgres.end("SIGQUIT");
    await until("callers are refused", async () => (await reporters.report()).status === 503);
    await postgres.start();
    const startedAtMs = performance.now();
    const { size: before } = reporters.acknowledged;
    await until("facts are acknowledged again", () => reporters.acknowledged.size > before + 10);
    expect(performance.now() - startedAtMs).toBeLessThan(recoveryMsMax);
  }
  await stop();
  await expectNothingLost();
});

test("every backend is terminated, over and over, under load: nothing acknowledged is lost, and the service goes on", {
  timeout: 90_000,
}, async () => {
  const { postgres, reporters, expectNothingLost } = await openWorld();
  const killer = await connect(postgres.url);
  const stop = reporters.start(8);
  for (let rounds = 1; rounds <= 10; rounds++) {
    await until("some more are acknowledged", () => reporters.acknowledged.size >= rounds * 20);
    await killer.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'postrider%'",
    );
  }
  await stop();
  await killer.end();
  await expectNothingLost();
});

test("every connection is taken by others: callers get 503 at once and readyz says why, until some are free", {
  timeout: 90_000,
}, async () => {
  const { postgres, reporters, ready, expectNothingLost } = await openWorld();
  for (let n = 0; n < 10; n++) await reporters.report();
  const others = await takeEveryConnection(postgres);
  const askedAtMs = performance.now();
  const { status, body } = await reporters.report();
  expect({ status, code: body.code }).toEqual({ status: 503, code: "storage_unavailable" });
  expect(performance.now() - askedAtMs).toBeLessThan(5_000);
  expect(await ready()).toBe(503);

  for (const client of others) await client.end();
  await until(
    "facts are acknowledged again",
    async () => (await reporters.report()).status === 201,
  );
  await expectNothingLost();
});

/** Takes the service's connections from it, and all that are free. */
async function takeEveryConnection({ url }: OwnPostgres): Promise<pg.Client[]> {
  const taken: pg.Client[] = [];
  let misses = 0;
  // Whatever the service gets hold of in between is taken again, until it has none.
  while (misses < 20) {
    const client = await connect(url).catch(() => undefined);
    if (client) {
      taken.push(client);
      misses = 0;
    } else misses++;
    await taken[0]?.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'postrider%'",
    );
  }
  return taken;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}
