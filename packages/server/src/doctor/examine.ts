import path from "node:path";
import type { ConfigError } from "../config.ts";
import { describeDatabaseUrl } from "../database-url.ts";
import { openDatabase } from "../db/pool.ts";
import { insistOnSessions } from "../db/pooler.ts";
import { connectionFailed } from "../domain/diagnosis/connection.ts";
import {
  type Finding,
  ok,
  problem,
  skipped,
  unread,
  whySkipped,
} from "../domain/diagnosis/finding.ts";
import { visitEmbeddedPostgres } from "../embedded-postgres/visit.ts";
import { withinMs } from "../patience.ts";
import { checks, type Given, type Reached, statementMsMax } from "./checks.ts";

export type ExamineOptions = Given & {
  /** The settings that cannot be read. */
  wrong: readonly ConfigError[];
  /** Ends the examination after the running check. */
  stop: AbortSignal;
};

/** A check that takes longer is given up: a HEAD has 10 s, a name server is asked three times, a statement ends before that. */
const lookMsMax = 15_000;

/** Checks everything that the service needs, as the service would, in order; changes nothing. */
export async function* examine(options: ExamineOptions): AsyncGenerator<Finding> {
  yield* examineSettings(options.wrong);
  const found = await findDatabase(options);
  try {
    yield found.finding;
    let migrated = true;
    for (const check of checks) {
      if (options.stop.aborted) return;
      const why = whySkipped(check.needs, { reached: found.reached !== undefined, migrated });
      const findings = why
        ? [skipped(check.name, why)]
        : await withinMs(lookMsMax, check.read(options, found.reached)).catch((error: Error) => [
            unread(check.name, options.hide(error.message), check.essential === true),
          ]);
      if (check.name === "migrations") migrated = findings.every(({ level }) => level === "ok");
      yield* findings;
    }
  } finally {
    await found.close();
  }
}

function examineSettings(wrong: readonly ConfigError[]): Finding[] {
  const mend = "Correct it. docs/configuration.md lists all settings.";
  return wrong.length > 0
    ? wrong.map(({ message }) => problem("settings", message, mend))
    : [ok("settings", "All settings can be read.")];
}

type Found = { finding: Finding; reached: Reached | undefined; close(): Promise<void> };

/** Finds the database and connects to it as the service would. */
async function findDatabase(options: ExamineOptions): Promise<Found> {
  const { databaseUrl, dataDirectory } = options.config;
  if (databaseUrl !== undefined) return await connectTo(databaseUrl, "", options.hide);
  const directory = path.join(dataDirectory, "postgres");
  const visit = await visitEmbeddedPostgres(directory, options.stop).catch(({ message }: Error) =>
    options.hide(message),
  );
  if (typeof visit === "string") {
    const mend =
      "Set DATABASE_URL, or POSTRIDER_DATA_DIR to the directory of an embedded PostgreSQL; postrider dev makes one.";
    return { finding: problem("connection", visit, mend), reached: undefined, close: noClose };
  }
  const note = visit.ran ? ", which was running" : ", which was started for this examination";
  const found = await connectTo(visit.url, ` (embedded in ${directory}${note})`, options.hide);
  return {
    ...found,
    async close() {
      await found.close();
      await visit.close();
    },
  };
}

const noClose = async () => {};

async function connectTo(
  databaseUrl: string,
  note: string,
  hide: (text: string) => string,
): Promise<Found> {
  try {
    await withinMs(lookMsMax, insistOnSessions(databaseUrl));
  } catch (error) {
    // A host with several addresses fails with one error for each address, and without a message.
    const { code, message } = error as { code?: string; message: string };
    return {
      finding: connectionFailed({ code, message: hide(message) }),
      reached: undefined,
      close: noClose,
    };
  }
  const database = openDatabase({
    url: databaseUrl,
    name: "doctor",
    role: "owner",
    // A check that was given up keeps its connection for a moment.
    connectionsMax: 2,
    statementTimeoutMs: statementMsMax,
    onError: () => {},
  });
  const says = `Connected to ${describeDatabaseUrl(databaseUrl)}${note}.`;
  return {
    finding: ok("connection", says),
    reached: { databaseUrl, database },
    close: () => database.close(),
  };
}
