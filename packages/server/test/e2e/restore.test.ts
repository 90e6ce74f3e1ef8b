import path from "node:path";
import { expect, test } from "vitest";
import { ownDirectory } from "../fire/own-postgres.ts";
import { openReporters } from "../fire/reporters.ts";
import { openCluster, programs } from "../support/cluster.ts";
import { until } from "../support/house.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

if (!programs) console.warn("no backup is restored: there is no pg_dump.");

test.skipIf(!programs)(
  "a dump with its roles is restored into an empty cluster: doctor finds nothing wrong, what waited arrives, and new facts are delivered",
  { timeout: 180_000 },
  async () => {
    const [from, to] = [await openCluster(), await openCluster()];
    const directory = ownDirectory();
    const file = (name: string) => path.join(directory, name);

    from.run("psql", "-qc", "create role postrider login createrole", "postgres");
    from.run("createdb", "--owner=postrider", "service");
    const env = productionEnvironment(from.urlOf("postrider", "service"));
    expect((await runCommand(["migrate"], env)).code).toBe(0);
    const before = await startService(["serve"], env);
    const reporters = await openReporters(before.url, env.POSTRIDER_API_KEY ?? "");
    const { receiver } = reporters;
    // They wait for a retry when the backup is made.
    receiver.answerBy(() => 503);
    for (let reported = 0; reported < 5; reported++) await reporters.report();
    await receiver.received(5);
    expect(await before.terminate()).toBe(0);

    from.run("pg_dumpall", "--roles-only", "--no-role-passwords", "-f", file("roles.sql"));
    from.run("pg_dump", "--format=custom", "-f", file("postrider.dump"), "service");

    to.run("psql", "-q", "-f", file("roles.sql"), "postgres");
    to.run("createdb", "--owner=postrider", "service");
    to.run("pg_restore", "--dbname=service", file("postrider.dump"));

    const restored = { ...env, DATABASE_URL: to.urlOf("postrider", "service") };
    const migrated = await runCommand(["migrate"], restored);
    expect([migrated.code, migrated.stderr]).toEqual([0, ""]);
    expect(migrated.stdout).toBe("Nothing to do: the schema is current.\n");
    const examined = await runCommand(["doctor", "--json"], restored);
    expect([examined.code, examined.stderr]).toEqual([0, ""]);

    const idsFrom = (start: number) =>
      new Set(receiver.requests.slice(start).map(({ headers }) => headers["webhook-id"]));
    const [waiting, seen] = [idsFrom(0), receiver.requests.length];
    expect(waiting.size).toBe(5);
    receiver.answerBy(() => 200);
    const after = await startService(["serve"], restored);
    await until("what waited arrives", () => idsFrom(seen).size === 5, 60_000);
    expect(idsFrom(seen)).toEqual(waiting);
    const hook = { name: "new", url: receiver.origin, actions: ["workflow_created"] };
    const post = (route: string, body: object) =>
      fetch(`${after.url}/workflows/v1/${route}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${env.POSTRIDER_API_KEY}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
      });
    expect((await post("workflow-webhooks", hook)).status).toBe(201);
    expect((await post("workflows", { name: "after the restore" })).status).toBe(201);
    await until("a new fact is delivered", () => idsFrom(seen).size === 6);
    expect(await after.terminate()).toBe(0);
  },
);
