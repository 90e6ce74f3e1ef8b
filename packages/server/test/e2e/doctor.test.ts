import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { openOwnPostgres, ownDirectory } from "../fire/own-postgres.ts";
import { openHouse } from "../support/house.ts";
import { createDatabase } from "../support/postgres.ts";
import {
  type EndedCommand,
  productionEnvironment,
  runCommand,
  startService,
} from "../support/process.ts";
import { receive } from "../support/received.ts";

const page = fileURLToPath(new URL("../../../../docs/doctor.md", import.meta.url));
const shiftClock = fileURLToPath(new URL("../fire/shift-clock.js", import.meta.url));
const password = "hunter2-is-no-good";
const key = "5a".repeat(32);

type Environment = Record<string, string>;

const doctor = (env: Environment, ...args: string[]) => runCommand(["doctor", ...args], env);

/** What is to be mended, as it was printed. */
const told = ({ stdout }: EndedCommand): string[] =>
  stdout.split("\n").filter((line) => /^(?:problem|warning| +→)/.test(line));

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A migrated database of a set-up's own, that a service has used, and how a service is started on it. */
async function openDatabase(): Promise<Environment & { DATABASE_URL: string }> {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  return {
    ...productionEnvironment(database.url),
    DATABASE_URL: database.url,
    POSTRIDER_ENCRYPTION_KEY: key,
  };
}

type SetUp = { title: string; open: () => Promise<{ env: Environment; args?: string[] }> };

const away = { DATABASE_URL: `postgresql://postrider:${password}@127.0.0.1:1/postrider` };

/** Ten ways to set it up wrong, in the order of the page, and a few more. */
const setUps: readonly SetUp[] = [
  {
    title: "Settings that cannot be read",
    open: async () => ({
      env: {
        DATABASE_URL: `mysql://root:${password}@db/postrider`,
        POSTRIDER_ENCRYPTION_KEY: password,
        POSTRIDER_CONCURRENCY: "lots",
        POSTRIDER_SECRET_HEADER: "x-mine",
        POSTRIDER_DATA_DIR: "/nowhere",
      },
    }),
  },
  {
    title: "Nothing listens",
    open: async () => ({ env: { ...away, POSTRIDER_ENCRYPTION_KEY: key } }),
  },
  {
    title: "A wrong password",
    open: async () => {
      const own = await openOwnPostgres(path.join(ownDirectory(), "postgres"));
      await run(own.url, "create role app login password 'another'");
      const rules = path.join(own.dataDirectory, "pg_hba.conf");
      writeFileSync(rules, `local all app scram-sha-256\n${readFileSync(rules, "utf8")}`);
      await run(own.url, "select pg_reload_conf()");
      const url = new URL(own.url);
      url.username = "app";
      url.password = password;
      return { env: { DATABASE_URL: url.href, POSTRIDER_ENCRYPTION_KEY: key } };
    },
  },
  {
    title: "Nobody has migrated",
    open: async () => {
      const own = await openOwnPostgres(path.join(ownDirectory(), "postgres"));
      return { env: { DATABASE_URL: own.url, POSTRIDER_ENCRYPTION_KEY: key } };
    },
  },
  {
    title: "A migration was edited",
    open: async () => {
      const env = await openDatabase();
      await run(env.DATABASE_URL, "update schema_migrations set sha256 = 'x' where number = 2");
      return { env };
    },
  },
  {
    title: "Row security was switched off",
    open: async () => {
      const env = await openDatabase();
      await run(
        env.DATABASE_URL,
        "alter table runs disable row level security",
        "drop policy own_teams on steps",
      );
      return { env };
    },
  },
  {
    title: "Sealed with another key",
    open: async () => {
      const env = await openDatabase();
      const before = { ...env, POSTRIDER_ENCRYPTION_KEY: randomBytes(32).toString("hex") };
      const service = await startService(["serve"], before);
      expect(await service.terminate()).toBe(0);
      return { env };
    },
  },
  {
    title: "A PostgreSQL that is set up carelessly",
    open: async () => {
      const own = await openOwnPostgres(path.join(ownDirectory(), "postgres"), {
        fsync: "off",
        full_page_writes: "off",
        autovacuum: "off",
        shared_buffers: "16MB",
        max_connections: "20",
      });
      const env = { DATABASE_URL: own.url, POSTRIDER_ENCRYPTION_KEY: key };
      expect((await runCommand(["migrate"], env)).code).toBe(0);
      return { env };
    },
  },
  {
    title: "A database that is read-only",
    open: async () => {
      const env = await openDatabase();
      const name = new URL(env.DATABASE_URL).pathname.slice(1);
      await run(env.DATABASE_URL, `alter database ${name} set default_transaction_read_only = on`);
      onTestFinished(() =>
        run(
          env.DATABASE_URL,
          "set default_transaction_read_only = off",
          `alter database ${name} reset default_transaction_read_only`,
        ),
      );
      return { env };
    },
  },
  {
    title: "The partitions were not made, although a process runs",
    open: async () => {
      const env = await openDatabase();
      const listener = new pg.Client({
        connectionString: env.DATABASE_URL,
        application_name: "postrider listen",
      });
      listener.on("error", () => {});
      await listener.connect();
      onTestFinished(() => listener.end());
      await run(
        env.DATABASE_URL,
        `do $$ declare partition regclass; begin
           for partition in select inhrelid::regclass from pg_inherits
             where inhparent in ('events'::regclass, 'attempts'::regclass)
               and inhrelid::regclass::text ~ '[0-9]{8}$'
           loop execute format('drop table %s', partition); end loop; end $$`,
        `insert into attempts_default (delivery_created_at, delivery_id, number, team_id, id, request_url, success, will_retry)
         values (now(), 'd', 1, 't', 'a', 'u', true, false)`,
      );
      return { env };
    },
  },
  {
    title: "The clock is two hours ahead",
    open: async () => ({
      env: {
        ...(await openDatabase()),
        NODE_OPTIONS: `--import ${shiftClock}`,
        SHIFT_HOURS: "2",
      },
    }),
  },
  {
    title: "A proxy that is not there",
    open: async () => ({
      env: {
        ...(await openDatabase()),
        POSTRIDER_EGRESS_PROXY: `http://postrider:${password}@127.0.0.1:1`,
        POSTRIDER_EGRESS_PROXY_NAMES: "1",
      },
      args: ["--url", "https://receiver.example.com/hook?token=s3cret-in-a-query"],
    }),
  },
  {
    title: "A receiver on a private address",
    open: async () => ({
      env: { ...(await openDatabase()), POSTRIDER_EGRESS_ALLOW: "" },
      args: ["--url", "https://10.1.2.3/hook"],
    }),
  },
  {
    title: "Receivers fail, and no process runs",
    open: async () => {
      const house = await openHouse({ hot: false, started: false });
      const { id } = await house.subscribe({ events: ["workflow_created"] });
      for (let made = 0; made < 3; made++) await house.workflow();
      const failed = (await house.deliveries()).map((row) => row.id);
      await receive(
        house.database,
        ...failed.map((one) => ({ id: one, outcome: "failed" as const })),
      );
      await house.subscribe({ events: ["workflow_created"] });
      await house.workflow();
      await house.database
        .sql`update deliveries set due_at = now() - interval '3 hours' where due_at is not null`;
      await house.database.sql`
        update failure_streaks set failed_from = now() - interval '2 days' where subscription_id = ${id}`;
      return {
        env: {
          ...productionEnvironment(house.databaseUrl),
          POSTRIDER_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("hex"),
        },
      };
    },
  },
  {
    title: "A table that somebody has locked",
    open: async () => {
      const env = await openDatabase();
      const client = new pg.Client({ connectionString: env.DATABASE_URL });
      client.on("error", () => {});
      await client.connect();
      onTestFinished(() => client.end());
      await client.query("begin; lock table failure_streaks in access exclusive mode");
      return { env };
    },
  },
];

/** What is another each time. */
const settled = (text: string): string =>
  text
    // A PostgreSQL before 18 makes its clusters without checksums.
    .replace(/^warning +checksums .*\n +→ .*(\n|$)/m, "")
    .trimEnd()
    .replaceAll(/\/\S*postrider-fire-\w+/g, "/data")
    .replaceAll(/127\.0\.0\.1:\d{2,}/g, "127.0.0.1:8081")
    .replaceAll(/encrypted with key [0-9a-f]{8}\b/g, "encrypted with key 1f2e3d4c")
    .replaceAll(/has key [0-9a-f]{8}\b/g, "has key 5a6b7c8d")
    .replaceAll(/\b[0-9a-f]{24}\b/g, "5eb7cf5a86d9755df3a6c593")
    .replaceAll(
      /leaves \d+ connections to Postrider \(by max_connections\), too few/g,
      "leaves 17 connections to Postrider (by max_connections), too few",
    )
    .replaceAll(/max_connections to \d+/g, "max_connections to 49")
    .replaceAll(/the database has \d+ MB/g, "the database has 9 MB")
    .replaceAll(/\d+ migrations of \d+/g, "21 migrations of 21");

test("fifteen broken set-ups: each is reported in order, with its fix, as docs/doctor.md shows, and without a password", {
  timeout: 400_000,
}, async () => {
  const shown: string[] = [];
  for (const { title, open } of setUps) {
    const { env, args = [] } = await open();
    const [plain, json] = await Promise.all([doctor(env, ...args), doctor(env, ...args, "--json")]);
    shown.push(`### ${title}\n\n\`\`\`text\n${settled(told(plain).join("\n"))}\n\`\`\`\n`);

    const document = JSON.parse(json.stdout);
    const levels = document.findings.map(({ level }: { level: string }) => level);
    expect([title, json.code, document.ok]).toEqual([
      title,
      levels.includes("problem") ? 1 : 0,
      !levels.includes("problem"),
    ]);
    expect([title, plain.code, plain.stderr]).toEqual([title, json.code, ""]);
    expect(levels.some((level: string) => level === "problem" || level === "warning")).toBe(true);
    for (const { stdout } of [plain, json]) {
      for (const secret of [password, "another", key, "s3cret", env.POSTRIDER_ENCRYPTION_KEY]) {
        expect(stdout).not.toContain(secret);
      }
    }
  }
  const text = readFileSync(page, "utf8");
  const [intro = ""] = text.split(/^### /m);
  const expected = `${intro}${shown.join("\n")}`;
  if (process.env.WRITE_DOCTOR_PAGE) writeFileSync(page, expected);
  expect(readFileSync(page, "utf8")).toBe(expected);
});

test("a set-up in order has nothing wrong, while a service runs on it and afterwards", async () => {
  const env = await openDatabase();
  const service = await startService(["serve"], env);
  const during = await doctor(env, "--json");
  expect([during.code, during.stderr]).toEqual([0, ""]);
  expect(await service.terminate()).toBe(0);
  const { code, stdout } = await doctor(env, "--json");
  expect(code).toBe(0);
  for (const { level, check } of JSON.parse(stdout).findings) {
    // The PostgreSQL of a test run serves many, and egress is not tried without a receiver's name.
    if (!["connections", "egress", "checksums", "shared_buffers"].includes(check)) {
      expect([check, level]).toEqual([check, "ok"]);
    }
  }
});

test("an embedded PostgreSQL is examined while it runs and when it is stopped, and is left as it was; none is made", async () => {
  const directory = ownDirectory();
  const env = { POSTRIDER_DATA_DIR: directory, PORT: "0" };
  const nothing = await doctor(env, "--json");
  expect(nothing.code).toBe(1);
  expect(existsSync(path.join(directory, "postgres"))).toBe(false);

  const service = await startService(["dev", "--no-receiver"], env);
  const running = await doctor(env);
  expect([running.code, running.stderr]).toEqual([0, ""]);
  expect(running.stdout).toContain("which was running");
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
  expect(await service.terminate()).toBe(0);

  const stopped = await doctor(env);
  expect([stopped.code, stopped.stderr]).toEqual([0, ""]);
  expect(stopped.stdout).toContain("which was started for this examination");
  expect(stopped.stdout).toMatch(/^ok +encryption_keys/m);
  expect(existsSync(path.join(directory, "postgres", "postmaster.pid"))).toBe(false);
});

test("wrong usage has its own exit code, and a password in it is not repeated", async () => {
  const unknown = await doctor({}, "--fix");
  expect(unknown.code).toBe(2);
  const wrongUrl = await doctor({}, "--url", `ftp://me:${password}@a.example.com`);
  expect([wrongUrl.code, wrongUrl.stdout]).toEqual([2, ""]);
  expect(wrongUrl.stderr).not.toContain(password);
  const help = await doctor({}, "--help");
  expect([help.code, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toMatch(/Exit codes: 0 .* 1 .* 2 /);
});
