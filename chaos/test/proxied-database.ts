import net from "node:net";
import { onTestFinished } from "vitest";
import { createDatabase } from "../../packages/server/test/support/postgres.ts";
import { openFaultProxy } from "../fault-proxy.ts";

/** Makes a migrated database, and a proxy in front of it; `direct` leads past the proxy. Both go when the test has finished. */
export async function openProxiedDatabase(committing: string[] = []) {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const target = new URL(database.url);
  const directory = target.searchParams.get("host");
  const proxy = await openFaultProxy({
    port: 0,
    connect: () =>
      directory
        ? net.connect(`${directory}/.s.PGSQL.5432`)
        : net.connect(Number(target.port || 5432), target.hostname),
    committing,
  });
  onTestFinished(() => proxy.close());
  const through = new URL(database.url);
  through.search = "";
  through.host = `127.0.0.1:${proxy.port}`;
  return { proxy, url: through.href, direct: database.url };
}
