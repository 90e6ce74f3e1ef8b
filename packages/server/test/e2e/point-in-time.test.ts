import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { ownDirectory } from "../fire/own-postgres.ts";
import { openReporters } from "../fire/reporters.ts";
import { query } from "../fire/standby.ts";
import { readText } from "../house/sources.ts";
import { openCluster, programs } from "../support/cluster.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

if (!programs) console.warn("nothing is recovered to a time: there is no pg_basebackup.");

/** The block of the page that holds these words. */
function blockWith(words: string): string {
  const page = readText("docs/production.md");
  const blocks = [...page.matchAll(/^```(?:sh|ini)\n(.*?)^```$/gms)].map(([, text = ""]) => text);
  const [found, ...others] = blocks.filter((text) => text.includes(words));
  if (found === undefined || others.length > 0) throw new Error(`no single block with ${words}`);
  return found;
}

/** The settings of a block for postgresql.conf. */
const settingsOf = (block: string): Record<string, string> =>
  Object.fromEntries(
    [...block.matchAll(/^(\w+) = (?:'([^']*)'|(\w+))/gm)].map(([, name, quoted, plain]) => [
      name,
      quoted ?? plain,
    ]),
  );

test.skipIf(!programs)(
  "a cluster is recovered to a time from a base backup and its log: what was pending then arrives, what came later is unknown, new facts are delivered",
  { timeout: 240_000 },
  async () => {
    const directory = ownDirectory();
    const backup = path.join(directory, "backup");
    const restored = path.join(directory, "restored");
    for (const made of [backup, path.join(backup, "wal")]) mkdirSync(made);
    mkdirSync(restored, { mode: 0o700 }); // As PostgreSQL demands it.
    // PostgreSQL runs as another user where the tests run as root.
    for (const opened of [directory, backup]) chmodSync(opened, 0o755);
    chmodSync(path.join(backup, "wal"), 0o777);
    const archiving = settingsOf(blockWith("archive_command").replaceAll("/backup/", `${backup}/`));
    expect(Object.keys(archiving)).toEqual(["archive_mode", "archive_command", "archive_timeout"]);

    const lost = await openCluster({ settings: { wal_level: "replica", ...archiving } });
    lost.run("psql", "-qc", "create role postrider login createrole", "postgres");
    lost.run("createdb", "--owner=postrider", "service");
    const env = productionEnvironment(lost.urlOf("postrider", "service"));
    expect((await runCommand(["migrate"], env)).code).toBe(0);
    const before = await startService(["serve"], env);
    const reporters = await openReporters(before.url, env.POSTRIDER_API_KEY ?? "");
    const { receiver } = reporters;
    const shell = (block: string, given: Record<string, string>) =>
      execFileSync("sh", ["-euc", block], {
        env: { PATH: `${programs}:${process.env.PATH}`, BACKUP: backup, ...given },
      });
    shell(blockWith("pg_basebackup"), { PGHOST: lost.host, PGUSER: "postgres" });

    const idsFrom = (start: number) =>
      new Set(receiver.requests.slice(start).map(({ headers }) => headers["webhook-id"]));
    receiver.answerBy(() => 503);
    await Promise.all(Array.from({ length: 5 }, reporters.report));
    await until("all are tried", () => idsFrom(0).size === 5);
    const waiting = idsFrom(0);
    const superuser = lost.urlOf("postgres", "service");
    const [time] = await query(superuser, "select clock_timestamp()::text as at");
    receiver.answerBy(() => 200);
    const later = receiver.requests.length;
    await Promise.all([reporters.report(), reporters.report()]);
    await until("what came later is sent", () => idsFrom(0).size === 7, 60_000);
    const afterwards = [...idsFrom(later)].filter((id) => !waiting.has(id));
    expect(await before.terminate()).toBe(0);
    const [log] = await query(superuser, "select pg_walfile_name(pg_switch_wal()) as last");
    await until("the log is archived", async () => {
      const [row] = await query(superuser, "select last_archived_wal from pg_stat_archiver");
      return (row?.last_archived_wal ?? "") >= log?.last;
    });
    await lost.close();

    shell(blockWith("recovery_target_time"), { PGDATA: restored, TARGET: time?.at });
    const cluster = await openCluster({ dataDirectory: restored });
    const recovered = { ...env, DATABASE_URL: cluster.urlOf("postrider", "service") };
    await until("PostgreSQL is writable", async () => {
      const [row] = await query(recovered.DATABASE_URL, "select pg_is_in_recovery() as still");
      return row?.still === false;
    });
    const examined = await runCommand(["doctor", "--json"], recovered);
    expect([examined.code, examined.stderr]).toEqual([0, ""]);

    const seen = receiver.requests.length;
    const after = await startService(["serve"], recovered);
    await until("what was pending arrives", () => idsFrom(seen).size === 5, 60_000);
    expect(idsFrom(seen)).toEqual(waiting);
    const again = await openReporters(after.url, env.POSTRIDER_API_KEY ?? "");
    expect((await again.report()).status).toBe(201);
    await until("a new fact is delivered", () => again.missing().length === 0, 60_000);
    for (const id of afterwards) expect(idsFrom(seen)).not.toContain(id);
    expect(await after.terminate()).toBe(0);
  },
);
