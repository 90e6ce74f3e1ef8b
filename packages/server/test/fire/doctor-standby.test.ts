import path from "node:path";
import { expect, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, runCommand } from "../support/process.ts";
import { openOwnPostgres, ownDirectory } from "./own-postgres.ts";
import { openStandby, query } from "./standby.ts";

const password = "hunter2-is-no-good";

test("the doctor tells what keeps lists from the standby, from a real one, and prints no password", {
  timeout: 240_000,
}, async () => {
  const directory = ownDirectory();
  const primary = await openOwnPostgres(path.join(directory, "primary"), { wal_level: "replica" });
  await migrate(primary.url);
  // An ordinary user reads the same as a superuser; PostgreSQL asks this socket for no password.
  await query(primary.url, `create role service login createrole password '${password}'`);
  await query(
    primary.url,
    "grant postrider_team, postrider_keys, postrider_all_teams to service with admin option",
  );
  await query(primary.url, "create database other");
  const standby = await openStandby(primary, path.join(directory, "standby"));
  const env = productionEnvironment(primary.url);

  const examine = async (replica: string) => {
    const { stdout } = await runCommand(["doctor", "--json"], {
      ...env,
      DATABASE_REPLICA_URL: replica,
    });
    expect(stdout).not.toContain(password);
    const { findings } = JSON.parse(stdout);
    return findings
      .filter(({ check }: { check: string }) => check === "standby")
      .map(({ level, says }: { level: string; says: string }) => `${level}: ${says}`);
  };
  const asUser = (url: string, user: string) => {
    const other = new URL(url);
    other.username = user;
    other.password = password;
    return other.href;
  };
  const database = (url: string, name: string) => {
    const other = new URL(url);
    other.pathname = `/${name}`;
    return other.href;
  };

  const good = asUser(standby.url, "service");
  expect(await examine(good)).toEqual([
    "warning: The standby keeps up. hot_standby_feedback is off, so it may cancel long lists.",
  ]);
  await query(standby.url, "alter system set hot_standby_feedback = on");
  await query(standby.url, "select pg_reload_conf()");
  expect(await examine(good)).toEqual(["ok: The standby keeps up with the primary."]);

  expect(await examine(primary.url)).toEqual([
    "warning: The server of DATABASE_REPLICA_URL is no standby: it is a primary. Lists are read from the primary until then.",
  ]);
  expect(await examine(database(standby.url, "other"))).toEqual([
    "problem: DATABASE_REPLICA_URL names another database of the server than DATABASE_URL. Lists would show other data.",
  ]);
  const stranger = await openOwnPostgres(path.join(directory, "stranger"));
  await migrate(stranger.url);
  expect(await examine(stranger.url)).toEqual([
    "problem: DATABASE_REPLICA_URL is not a copy of DATABASE_URL: the servers have different system identifiers. Lists could show other data.",
  ]);
  expect(await examine(`postgresql://service:${password}@127.0.0.1:1/postrider`)).toEqual([
    "warning: The standby: Nothing listens at this address and port (ECONNREFUSED). Lists are read from the primary until then.",
  ]);

  // Nobody waits for its replay any more, so that the primary goes on.
  await query(primary.url, "alter system set synchronous_standby_names = ''");
  await query(primary.url, "select pg_reload_conf()");
  await query(standby.url, "select pg_wal_replay_pause()");
  await until("the replay stands still", async () => {
    const [row] = await query(standby.url, "select pg_get_wal_replay_pause_state() as state");
    return row?.state === "paused";
  });
  await query(primary.url, "create table a_change ()");
  const [behind] = await examine(good);
  expect(behind).toMatch(/^warning: The standby is \d+ bytes of the log behind\./);
});
