import * as fs from "node:fs";
import path from "node:path";
import { makeTraversable, serverAccount } from "./account.ts";
import { binariesOf, type Installation, prepareBinaries } from "./binaries.ts";
import { prepareDataDirectory } from "./data-directory.ts";
import { createDatabase, urlOf } from "./database.ts";
import { acquireLock } from "./lock.ts";
import type { RunningServer } from "./pid-file.ts";
import { adoptServer, startServer, stopServer } from "./server.ts";

/** The one database of an embedded server. */
export const databaseName = "postrider";

const defaultSettings = {
  max_connections: "100",
  shared_buffers: "128MB",
  // A failed statement is reported to its caller; in this log its text could show a customer's data.
  log_min_messages: "log",
  log_checkpoints: "off",
};

/** What `openEmbeddedPostgres` needs to know. */
export type EmbeddedPostgresOptions = {
  /** The directory of the data; its lock, log, socket and copied binaries are beside it under the same name. */
  dataDirectory: string;
  /** Called with a line for each notable step (a changed permission, a copy). */
  log?: (line: string) => void;
  /** PostgreSQL settings that replace the defaults; an adopted server keeps those of its start. */
  settings?: Record<string, string>;
  /** Cancels a long start; the next start begins again. */
  stop?: AbortSignal;
  /** The installation to use; undefined: the npm package's. */
  installation?: Installation;
};

/** A running PostgreSQL that belongs to this process until it closes it. */
export type EmbeddedPostgres = {
  /** A connection URL for node-postgres; it leads through a unix socket. */
  url: string;
  /** Stops the server and releases the data directory. */
  close(): Promise<void>;
  /** Whether the server was already running, because its former owner was killed. */
  adopted: boolean;
};

/**
 * Opens the PostgreSQL of a data directory: creates, starts or adopts it, and locks it for this process.
 *
 * The server listens on a unix socket in a directory of its own and outlives a crash of this
 * process; the next open adopts it. Every failure is an Error with one sentence that says what to do.
 */
export async function openEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {});
  const dataDirectory = realPathOf(options.dataDirectory);
  const account = serverAccount();
  const releaseLock = await acquireLock(dataDirectory);
  let server: RunningServer | undefined;
  try {
    if (account) makeTraversable(path.dirname(dataDirectory), log);
    const { installation } = options;
    const binaries = installation
      ? binariesOf(installation)
      : await prepareBinaries(dataDirectory, account, log);
    await prepareDataDirectory(dataDirectory, binaries, account, log, installation?.locale);
    server = await adoptServer(dataDirectory);
    const adopted = server !== undefined;
    const settings = { ...defaultSettings, ...options.settings };
    server ??= await startServer(dataDirectory, {
      binaries,
      account,
      settings,
      log,
      stop: options.stop,
    });
    options.stop?.throwIfAborted();
    await createDatabase(server.socketDirectory, databaseName);

    const url = urlOf(server.socketDirectory, databaseName);
    const close = onlyOnce(() => release(server as RunningServer, releaseLock));
    return { url, adopted, close };
  } catch (error) {
    if (server) await release(server, releaseLock).catch(() => {});
    releaseLock();
    throw error;
  }
}

async function release(server: RunningServer, releaseLock: () => void): Promise<void> {
  await stopServer(server);
  fs.rmSync(server.socketDirectory, { recursive: true, force: true });
  releaseLock();
}

function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}

/** The real path of the directory: under another name, the lock beside it would not be found. */
function realPathOf(directory: string): string {
  if (fs.existsSync(directory)) return fs.realpathSync(directory);
  const parent = path.dirname(path.resolve(directory));
  fs.mkdirSync(parent, { recursive: true });
  return path.join(fs.realpathSync(parent), path.basename(directory));
}
