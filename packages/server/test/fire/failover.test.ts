import net from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, startService } from "../support/process.ts";
import { type OwnPostgres, openOwnPostgres, ownDirectory } from "./own-postgres.ts";
import { openReporters } from "./reporters.ts";
import { openStandby, query } from "./standby.ts";

const recoveryMsMax = 10_000;

test("the primary is killed and its synchronous standby promoted: everything acknowledged arrives, and the service goes on by itself", {
  timeout: 90_000,
}, async () => {
  const directory = ownDirectory();
  const primary = await openOwnPostgres(path.join(directory, "primary"), { wal_level: "replica" });
  await migrate(primary.url);
  const standby = await openStandby(primary, path.join(directory, "standby"));
  const entrance = await openEntrance(primary.url);
  const env = productionEnvironment(entrance.url);
  const service = await startService(["serve"], env);
  const reporters = await openReporters(service.url, env.POSTRIDER_API_KEY ?? "");

  const stop = reporters.start(8);
  await until("a hundred are acknowledged", () => reporters.acknowledged.size >= 100);
  await primary.end("SIGKILL");
  // A standby that is not promoted yet answers, and writes nothing.
  entrance.leadTo(standby.url);
  const isRefused = async () => {
    const { status, body } = await reporters.report();
    return status === 503 && body.code === "storage_unavailable";
  };
  await until("the read-only standby refuses", isRefused);
  // Counted only now: the answer to a commit of the primary may have been on its way still.
  const { size: before } = reporters.acknowledged;
  expect(await isRefused()).toBe(true);
  expect(reporters.acknowledged.size).toBe(before);

  const promotedAtMs = performance.now();
  await query(standby.url, "select pg_promote()");
  await until("facts are acknowledged again", () => reporters.acknowledged.size > before + 10);
  const recoveryMs = performance.now() - promotedAtMs;
  await stop();
  // Results that were lost with the primary let their leases run out.
  await until("everything acknowledged arrives", () => reporters.missing().length === 0, 45_000);
  expect(recoveryMs).toBeLessThan(recoveryMsMax);
  expect([...reporters.answers.keys()].filter((status) => ![201, 503].includes(status))).toEqual(
    [],
  );
  console.log(
    `acknowledged ${before} before the kill, ${reporters.acknowledged.size} in all; lost 0; ${Math.round(recoveryMs)} ms from the promotion to the first facts`,
  );
  expect(await service.terminate()).toBe(0);
});

test("DATABASE_URL names both hosts: the primary is killed under load and the standby promoted, and the service finds it without anybody's help", {
  timeout: 120_000,
}, async () => {
  const directory = ownDirectory();
  const primary = await openOwnPostgres(path.join(directory, "primary"), { wal_level: "replica" });
  await migrate(primary.url);
  const standby = await openStandby(primary, path.join(directory, "standby"));
  const directoryOf = ({ url }: OwnPostgres) => new URL(url).searchParams.get("host");
  // The standby stands first: it has to be passed over for as long as it is one.
  const hosts = `${directoryOf(standby)},${directoryOf(primary)}`;
  const env = productionEnvironment(
    `postgresql://postgres@localhost:5432/postrider?host=${encodeURIComponent(hosts)}&target_session_attrs=read-write`,
  );
  const service = await startService(["serve"], env);
  const reporters = await openReporters(service.url, env.POSTRIDER_API_KEY ?? "");

  const stop = reporters.start(8);
  await until("a hundred are acknowledged", () => reporters.acknowledged.size >= 100);
  await primary.end("SIGKILL");
  const killedAtMs = performance.now();
  const { size: before } = reporters.acknowledged;
  await query(standby.url, "select pg_promote()");
  const promotedAtMs = performance.now();
  await until(
    "facts are acknowledged again",
    () => reporters.acknowledged.size > before + 100,
    30_000,
  );
  await stop();
  await until("everything acknowledged arrives", () => reporters.missing().length === 0, 60_000);

  const arrivals = reporters.receiver.requests.map(({ arrivedAtMs }) => arrivedAtMs);
  const next = arrivals.filter((atMs) => atMs > promotedAtMs).sort((one, other) => one - other);
  const silenceMs = (next[0] ?? Number.POSITIVE_INFINITY) - killedAtMs;
  expect(silenceMs).toBeLessThan(recoveryMsMax);
  expect([...reporters.answers.keys()].filter((status) => ![201, 503].includes(status))).toEqual(
    [],
  );
  console.log(
    `acknowledged ${before} before the kill, ${reporters.acknowledged.size} in all; lost 0; refused ${reporters.answers.get(503) ?? 0}; ${Math.round(promotedAtMs - killedAtMs)} ms from the kill to the end of the promotion, ${Math.round(silenceMs)} ms to the next delivery`,
  );
  expect(await service.terminate()).toBe(0);
});

/** One address in front of the servers, as a virtual address or a proxy is: it leads to one of them. */
async function openEntrance(first: string) {
  let target = first;
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(`${new URL(target).searchParams.get("host")}/.s.PGSQL.5432`);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postrider`,
    leadTo(url: string) {
      target = url;
      for (const socket of open) socket.destroy();
    },
  };
}
