import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { type Account, giveTo, makeOwnDirectory } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { superuser } from "./database.ts";
import { oneLine } from "./problem.ts";
import { run, serverEnvironment } from "./process.ts";

const initMsMax = 120_000;

/** The built-in locale knows all of Unicode's letters and needs nothing from the system. */
const builtInLocale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];

/** Checks that the data directory is PostgreSQL's and belongs to the server's account; initialises a new one. */
export async function prepareDataDirectory(
  dataDirectory: string,
  binaries: Binaries,
  account: Account | undefined,
  log: (line: string) => void,
  locale: readonly string[] = builtInLocale,
): Promise<void> {
  if (!fs.existsSync(path.join(dataDirectory, "PG_VERSION"))) {
    if (fs.existsSync(dataDirectory) && fs.readdirSync(dataDirectory).length > 0) {
      throw new Error(
        `${dataDirectory} contains files that are not PostgreSQL's. Move them away, or choose another data directory.`,
      );
    }
    await initialise(dataDirectory, binaries, account, locale);
  }
  const { uid } = fs.statSync(dataDirectory);
  if (uid === (account?.uid ?? process.getuid?.())) return;
  if (!account) {
    throw new Error(
      `The data directory ${dataDirectory} belongs to another user (uid ${uid}). Run as that user or as root.`,
    );
  }
  log(`Gave ${dataDirectory} to nobody: PostgreSQL does not run as root.`);
  giveTo(account, dataDirectory);
}

/** Initialises a directory under another name and renames it, so that an incomplete one is never used. */
async function initialise(
  dataDirectory: string,
  binaries: Binaries,
  account: Account | undefined,
  locale: readonly string[],
): Promise<void> {
  const prefix = `${path.basename(dataDirectory)}.initialising-`;
  const parent = path.dirname(dataDirectory);
  for (const name of fs.readdirSync(parent).filter((name) => name.startsWith(prefix))) {
    // Processes of a killed initdb may still write for a moment.
    const patience = { maxRetries: 10, retryDelay: 100 };
    fs.rmSync(path.join(parent, name), { recursive: true, force: true, ...patience });
  }
  const unfinished = path.join(parent, `${prefix}${randomUUID()}`);
  makeOwnDirectory(unfinished, account);
  const access = ["--auth-local=trust", "--auth-host=reject", `--username=${superuser}`];
  try {
    await run(binaries.initdb, ["-D", unfinished, "--encoding=UTF8", ...locale, ...access], {
      ...account,
      cwd: unfinished,
      env: serverEnvironment,
      timeout: initMsMax,
    });
    fs.renameSync(unfinished, dataDirectory);
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    const detail = (error as { stderr?: string }).stderr || String(error);
    throw new Error(
      `PostgreSQL could not create its data directory ${dataDirectory}. Check its disk space and permissions (${oneLine(detail)}).`,
      { cause: error },
    );
  }
}
