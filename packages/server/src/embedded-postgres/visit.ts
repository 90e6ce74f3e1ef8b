import * as fs from "node:fs";
import path from "node:path";
import { urlOf } from "./database.ts";
import { databaseName, openEmbeddedPostgres } from "./open.ts";
import { readPidFile } from "./pid-file.ts";
import { isPostmasterOf, processStartedAt } from "./process.ts";

/** The PostgreSQL of a data directory, for commands that only read. */
export type Visit = {
  url: string;
  /** It was running already, and stays running after the visit. */
  ran: boolean;
  close(): Promise<void>;
};

/**
 * Opens the PostgreSQL of a data directory and leaves it as it was: running, or stopped again.
 *
 * A running server belongs to another process, which is not disturbed. A directory without PostgreSQL's data is not initialised.
 */
export async function visitEmbeddedPostgres(
  dataDirectory: string,
  stop?: AbortSignal,
): Promise<Visit> {
  if (!fs.existsSync(path.join(dataDirectory, "PG_VERSION"))) {
    throw new Error(`There is no database in ${dataDirectory} yet.`);
  }
  const directory = fs.realpathSync(dataDirectory);
  const { pid, socketDirectory } = readPidFile(directory);
  const runs =
    pid > 0 && processStartedAt(pid) !== undefined && (await isPostmasterOf(pid, directory));
  if (runs && socketDirectory !== "") {
    return { url: urlOf(socketDirectory, databaseName), ran: true, close: async () => {} };
  }
  const { url, close } = await openEmbeddedPostgres({
    dataDirectory: directory,
    ...(stop && { stop }),
  });
  return { url, ran: false, close };
}
