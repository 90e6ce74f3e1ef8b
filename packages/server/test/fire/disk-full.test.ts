import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { serverAccount } from "../../src/embedded-postgres/account.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, startService } from "../support/process.ts";
import { openOwnPostgres, ownDirectory } from "./own-postgres.ts";
import { openReporters } from "./reporters.ts";

test("the disk of the tables is full: callers get 503 and nothing acknowledged is lost; with space comes all the rest", {
  timeout: 90_000,
}, async ({ skip }) => {
  const directory = ownDirectory();
  const small = smallFilesystem(path.join(directory, "small"), 32);
  skip(small === undefined, "mounting a small filesystem takes root and the right to mount");
  const postgres = await openOwnPostgres(path.join(directory, "postgres"));
  const url = await databaseOn(postgres.url, small ?? "");
  await migrate(url);
  const env = productionEnvironment(url);
  const service = await startService(["serve"], env);
  const reporters = await openReporters(service.url, env.POSTRIDER_API_KEY ?? "");
  const stop = reporters.start(4);
  await until("it works", () => reporters.acknowledged.size > 20);

  const ballast = fillUp(small ?? "");
  await until("callers are refused", async () => {
    const { status, body } = await reporters.report();
    return status === 503 && body.code === "storage_unavailable";
  });
  const { size: before } = reporters.acknowledged;
  expect((await reporters.call("GET", "/livez")).status).toBe(200);

  rmSync(ballast);
  await until("callers are acknowledged again", () => reporters.acknowledged.size > before + 20);
  await stop();
  await until("everything acknowledged arrives", () => reporters.missing().length === 0, 45_000);
  await until("every result is written", async () => {
    const list = "/workflows/v1/workflow-webhooks/events?status=pending";
    return (await reporters.call("GET", list)).body.total === 0;
  });
  expect([...reporters.answers.keys()].filter((status) => ![201, 503].includes(status))).toEqual(
    [],
  );
  expect(await service.terminate()).toBe(0);
});

test("the disk of the write-ahead log is full: PostgreSQL stops itself, callers get 503, and once it has space and is started nothing acknowledged is lost", {
  timeout: 120_000,
}, async ({ skip }) => {
  const directory = ownDirectory();
  const small = smallFilesystem(path.join(directory, "small"), 128);
  skip(small === undefined, "mounting a small filesystem takes root and the right to mount");
  const postgres = await openOwnPostgres(path.join(directory, "postgres"), {
    min_wal_size: "32MB",
    max_wal_size: "32MB",
  });
  await postgres.stop();
  moveLog(postgres.dataDirectory, path.join(small ?? "", "pg_wal"));
  await postgres.start();
  await migrate(postgres.url);
  const env = productionEnvironment(postgres.url);
  const service = await startService(["serve"], env);
  const reporters = await openReporters(service.url, env.POSTRIDER_API_KEY ?? "");
  const stop = reporters.start(4);
  await until("it works", () => reporters.acknowledged.size > 20);

  const ballast = fillUp(small ?? "");
  await useUpTheLog(postgres.url);
  await until("PostgreSQL has stopped itself", () => !postgres.isRunning());
  const { status, body } = await reporters.report();
  expect([status, body.code]).toEqual([503, "storage_unavailable"]);
  expect((await reporters.call("GET", "/livez")).status).toBe(200);
  const { size: before } = reporters.acknowledged;

  rmSync(ballast);
  await postgres.stop();
  await postgres.start();
  await until("callers are acknowledged again", () => reporters.acknowledged.size > before + 20);
  await stop();
  await until("everything acknowledged arrives", () => reporters.missing().length === 0, 45_000);
  expect([...reporters.answers.keys()].filter((status) => ![201, 503].includes(status))).toEqual(
    [],
  );
  expect(await service.terminate()).toBe(0);
});

/** Moves the write-ahead log of a server that is stopped, and leaves a link. */
function moveLog(dataDirectory: string, to: string): void {
  const from = path.join(dataDirectory, "pg_wal");
  execFileSync("cp", ["--archive", from, to]);
  rmSync(from, { recursive: true });
  symlinkSync(to, from);
}

/** Begins new segments of the log until there is no space for one. */
async function useUpTheLog(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    for (let segments = 0; segments < 50; segments++) {
      await client.query("select pg_switch_wal(), txid_current()");
    }
  } catch {
    return;
  } finally {
    await client.end().catch(() => {});
  }
  throw new Error("50 segments found space");
}

/** Mounts a filesystem of so many MiB; undefined where that is not allowed. */
function smallFilesystem(at: string, mebibytes: number): string | undefined {
  mkdirSync(at);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", at], {
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", at]);
  });
  const account = serverAccount();
  if (account) chownSync(at, account.uid, account.gid);
  return at;
}

/** Makes a database whose tables lie there; what PostgreSQL needs to go on running does not. */
async function databaseOn(serverUrl: string, place: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create tablespace small location '${place}'`);
  await client.query("create database small tablespace small");
  await client.end();
  const url = new URL(serverUrl);
  url.pathname = "/small";
  return url.href;
}

/** Takes all the space there is, and returns the file that has it. */
function fillUp(place: string): string {
  const ballast = path.join(place, "ballast");
  let size = 1024 * 1024;
  while (size >= 4096) {
    try {
      writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
    } catch {
      size /= 4;
    }
  }
  return ballast;
}
