import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { onTestFinished } from "vitest";
import { openEmbeddedPostgres } from "../../src/embedded-postgres/open.ts";
import { ownDirectory } from "../fire/own-postgres.ts";

/** A PostgreSQL of a distribution, with the programs that back up and restore: the npm package's has none of them. */
export const programs = [
  "/usr/lib/postgresql/15/bin",
  process.env.POSTRIDER_TEST_POSTGRES_BIN,
].find((directory) => directory !== undefined && existsSync(path.join(directory, "pg_dump")));

const locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];

/** A cluster of its own; in a new one nobody has made our roles yet. */
export async function openCluster({
  dataDirectory = path.join(ownDirectory(), "postgres"),
  settings = {},
}: {
  dataDirectory?: string;
  settings?: Record<string, string>;
} = {}) {
  const server = await openEmbeddedPostgres({
    dataDirectory,
    settings,
    installation: { directory: programs ?? "", locale },
  });
  onTestFinished(() => server.close());
  const { searchParams } = new URL(server.url);
  const host = searchParams.get("host") ?? "";
  const at = ["--host", host, "--username", "postgres"];
  const urlOf = (user: string, database: string) =>
    `postgresql://${user}@localhost:5432/${database}?host=${encodeURIComponent(host)}`;
  const run = (program: string, ...args: string[]) =>
    execFileSync(path.join(programs ?? "", program), [...at, ...args], { encoding: "utf8" });
  return { host, run, urlOf, close: () => server.close() };
}
