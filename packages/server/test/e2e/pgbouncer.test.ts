import { spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { serverAccount } from "../../src/embedded-postgres/account.ts";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { findFreePort } from "../support/ports.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

const program = "/usr/sbin/pgbouncer";
const hasPgBouncer = spawnSync(program, ["--version"]).status === 0;
if (!hasPgBouncer)
  console.warn("nothing is tested behind PgBouncer: there is no /usr/sbin/pgbouncer.");

/** Starts PgBouncer before a database of the test's own. */
async function openPgBouncer(settings: Record<string, string>) {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const server = new URL(database.url);
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-pgbouncer-"));
  const account = serverAccount();
  if (account) chownSync(directory, account.uid, account.gid);
  const port = await findFreePort();
  const users = path.join(directory, "users");
  const file = path.join(directory, "pgbouncer.ini");
  const host = server.searchParams.get("host") ?? server.hostname;
  writeFileSync(users, `"${server.username}" ""\n`, { mode: 0o644 });
  writeFileSync(
    file,
    [
      "[databases]",
      `* = host=${host} port=${server.port || 5432}`,
      "[pgbouncer]",
      ...Object.entries({
        listen_addr: "127.0.0.1",
        listen_port: port,
        unix_socket_dir: "",
        auth_type: "trust",
        auth_file: users,
        default_pool_size: 60,
        ...settings,
      }).map(([name, value]) => `${name} = ${value}`),
    ].join("\n"),
    { mode: 0o644 },
  );
  const child = spawn(program, ["-q", file], { ...account, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  const url = `postgresql://${server.username}@127.0.0.1:${port}${server.pathname}`;
  await until("PgBouncer answers", () =>
    ask(url, "select 1").then(
      () => true,
      () => false,
    ),
  );
  return { url, direct: database.url };
}

async function ask(url: string, text: string) {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

describe.skipIf(!hasPgBouncer)("behind PgBouncer", () => {
  test("in session mode the service migrates, delivers, gets its notifications, and takes over used connections", {
    timeout: 60_000,
  }, async () => {
    const { url, direct } = await openPgBouncer({ pool_mode: "session" });
    const env = productionEnvironment(url);
    const migrated = await runCommand(["migrate"], env);
    expect(migrated).toEqual({
      code: 0,
      stdout: "Nothing to do: the schema is current.\n",
      stderr: "",
    });
    const receiver = await openReceiver();
    onTestFinished(() => receiver.close());
    for (const round of [1, 2]) {
      const service = await startService(["serve"], env);
      const post = (what: string, body: object) =>
        fetch(`${service.url}/workflows/v1/${what}`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${env.POSTRIDER_API_KEY}`,
            "content-type": "application/json",
          },
          body: JSON.stringify(body),
        });
      if (round === 1) {
        const actions = ["workflow_created"];
        await post("workflow-webhooks", { name: "n", url: receiver.origin, actions });
      }
      expect((await post("workflows", { name: `w${round}` })).status).toBe(201);
      await receiver.received(round);
      // It connects beside the rest of the start, and its test may be sooner.
      await until("one connection listens", async () => {
        const [listening] = await ask(
          direct,
          "select count(*)::int as count from pg_stat_activity where query = 'listen postrider' and datname = current_database()",
        );
        return listening.count === 1;
      });
      expect(await service.terminate()).toBe(0);
    }
  });

  test.each<[what: string, settings: Record<string, string>]>([
    ["transaction", { pool_mode: "transaction" }],
    [
      "transaction (the longest idle connection first)",
      { pool_mode: "transaction", server_round_robin: "1" },
    ],
    ["statement", { pool_mode: "statement" }],
  ])(
    "in %s mode serve and migrate refuse, and say that the pooler is the reason",
    async (_what, settings) => {
      const { url } = await openPgBouncer(settings);
      // Others have used it before: it has several connections to lend.
      await Promise.all([1, 2, 3].map(() => ask(url, "select pg_sleep(0.1)")));
      const env = productionEnvironment(url);
      for (const command of ["serve", "migrate"]) {
        const { code, stderr } = await runCommand([command], env);
        expect(stderr).toMatch(
          /^postrider: The database cannot be used: a pooler in transaction mode [^\n]+ pool_mode to session[^\n]+\n$/,
        );
        expect(code).toBe(1);
      }
    },
  );
});
