import * as fs from "node:fs";
import path from "node:path";
import { urlOf } from "./database.ts";
import { databaseName, openEmbeddedPostgres } from "./open.ts";
import { readPidFile } from "./pid-file.ts";
import { isPostmasterOf, processStartedAt } from "./process.ts";

/** A PostgreSQL of a data directory, for somebody who only looks. */
export type Visit = {
  url: string;
  /** It ran already, and goes on when the visit is over. */
  ran: boolean;
  close(): Promise<void>;
};

/**
 * Reaches the PostgreSQL of a data directory and leaves everything as it was: running, or stopped again.
 *
 * One that runs belongs to a process, which is not disturbed. A directory that is none of PostgreSQL's is not filled.
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
