import { isOpenedBy } from "../actions/remember-keys.ts";
import { type Config, ownConnections } from "../config.ts";
import { listEncryptionChecks } from "../db/encryption-checks.ts";
import { MigrationError, readMigrationState } from "../db/migrate.ts";
import { type Database, openTeamDatabase } from "../db/pool.ts";
import { listMissingRoles } from "../db/roles.ts";
import {
  countSealedByOthersOfAllTeams,
  readAutovacuum,
  readPartitions,
} from "../db/schema-readings.ts";
import { readClock, readConnections, readServer } from "../db/server-readings.ts";
import { holdsWall, listMissingRules } from "../db/team-wall.ts";
import { readEndpointsOfAllTeams, readLagOfAllTeams } from "../db/work-readings.ts";
import type { CheckName, Finding } from "../domain/diagnosis/finding.ts";
import * as schema from "../domain/diagnosis/schema.ts";
import * as server from "../domain/diagnosis/server.ts";
import { examineStandby } from "../domain/diagnosis/standby.ts";
import { examineEgress, examineEndpoints, examineLag } from "../domain/diagnosis/work.ts";
import { openKeyring } from "../secrets.ts";
import { readEgress } from "./egress.ts";
import { readReplica } from "./standby.ts";

/** The values that are examined besides the database. */
export type Given = {
  config: Config;
  /** A receiver to send a HEAD to. */
  url: string | undefined;
  /** The clock of this machine. */
  nowMs: () => number;
  nodeVersion: string;
  /** Removes secrets from an error's text. */
  hide: (text: string) => string;
};

/** A database that answers. */
export type Reached = { databaseUrl: string; database: Database };

/** One check: it reads values and passes them to a decision. */
export type Check = {
  name: CheckName;
  /** `tables`: the schema of this version. */
  needs: "nothing" | "database" | "tables";
  /** Without these values it is unknown whether the service works. */
  essential?: boolean;
  read(given: Given, reached: Reached | undefined): Promise<readonly Finding[]>;
};

/** A statement that takes longer is ended. */
export const statementMsMax = 5_000;
const endpointsShownMax = 3;
const clockLooks = 3;

/** All checks that follow after the database is found, in order. */
export const checks: readonly Check[] = [
  ofDatabase("versions", async ({ nodeVersion, config }, { database }) =>
    server.examineVersions(await readServer(database.sql), {
      node: nodeVersion,
      postrider: config.version,
    }),
  ),
  ofServer("read_write", server.examineReadWrite),
  ofDatabase("connections", async ({ config }, { database }) => [
    server.examineConnections(await readConnections(database.sql), connectionsOf(config)),
  ]),
  ofServer("shared_buffers", server.examineSharedBuffers),
  ofServer("checksums", server.examineChecksums),
  ofServer("fsync", server.examineFsync),
  ofServer("jit", server.examineJit),
  ofDatabase("clock", async ({ nowMs }, { database }) => [
    server.examineClock(await readOffset(database, nowMs)),
  ]),
  {
    ...ofDatabase("migrations", async (_given, { database }) => [
      schema.examineMigrations(await readMigrations(database)),
    ]),
    essential: true,
  },
  {
    ...ofDatabase("roles", async (_given, { databaseUrl }) => [
      schema.examineRoles(await listMissingRoles(databaseUrl, statementMsMax)),
    ]),
    essential: true,
  },
  {
    ...ofTables("row_security", async (_given, reached) => [
      schema.examineRowSecurity(await readWall(reached)),
    ]),
    essential: true,
  },
  {
    ...ofTables("encryption_keys", async ({ config }, { database }) => [
      schema.examineKeys(await readKeys(database, config.encryptionKeys)),
    ]),
    essential: true,
  },
  ofTables("standby", async ({ config, hide }, { database }) =>
    examineStandby(
      await readReplica({ replicaUrl: config.replicaUrl, hide }, database, statementMsMax),
    ),
  ),
  ofTables("partitions", async ({ config }, { database }) =>
    schema.examinePartitions(await readPartitions(database.sql), {
      retentionDays: config.retentionDays,
      processes: (await readConnections(database.sql)).processes,
    }),
  ),
  ofDatabase("autovacuum", async (_given, { database }) =>
    schema.examineAutovacuum(await readServer(database.sql), await readAutovacuum(database.sql)),
  ),
  {
    name: "egress",
    needs: "nothing",
    read: async (given, reached) => examineEgress(await readEgress(given, reached?.database)),
  },
  ofTables("endpoints", async (_given, { database }) =>
    examineEndpoints(await readEndpointsOfAllTeams(database.sql, endpointsShownMax)),
  ),
  ofTables("lag", async (_given, { database }) => {
    const { processes } = await readConnections(database.sql);
    return [examineLag({ processes, ...(await readLagOfAllTeams(database.sql)) })];
  }),
];

type ReadOf = (given: Given, reached: Reached) => Promise<readonly Finding[]>;

function ofDatabase(name: CheckName, read: ReadOf): Check {
  return {
    name,
    needs: "database",
    read: async (given, reached) => (reached ? await read(given, reached) : []),
  };
}

function ofTables(name: CheckName, read: ReadOf): Check {
  return { ...ofDatabase(name, read), needs: "tables" };
}

function ofServer(name: CheckName, decide: (reading: server.ServerReading) => Finding): Check {
  return ofDatabase(name, async (_given, { database }) => [decide(await readServer(database.sql))]);
}

async function readMigrations(database: Database): Promise<schema.MigrationsReading> {
  try {
    return await readMigrationState(database);
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return { known: 0, pending: [], later: 0, edited: error.message };
  }
}

/** How many connections one process opens. */
const connectionsOf = ({ databaseConnections }: Config): number =>
  Object.values(ownConnections).reduce((sum, count) => sum + count, databaseConnections);

/** How far the database's clock is ahead of this machine's, from the fastest of a few reads, which has the smallest error. */
async function readOffset(database: Database, nowMs: () => number) {
  const looks = [];
  for (let look = 0; look < clockLooks; look++) {
    const askedAtMs = nowMs();
    const startedMs = performance.now();
    const at = await readClock(database.sql);
    const roundTripMs = performance.now() - startedMs;
    looks.push({ offsetMs: at.getTime() - (askedAtMs + roundTripMs / 2), roundTripMs });
  }
  return looks.reduce((one, other) => (other.roundTripMs < one.roundTripMs ? other : one));
}

async function readWall({ databaseUrl, database }: Reached) {
  const missingRules = (await listMissingRules(database.sql)).map((rule) => rule.replace(/;$/, ""));
  const teams = openTeamDatabase({
    url: databaseUrl,
    name: "doctor",
    role: "postrider_team",
    connectionsMax: 1,
    statementTimeoutMs: statementMsMax,
    onError: () => {},
  });
  try {
    return { missingRules, holds: await holdsWall(teams) };
  } finally {
    await teams.close();
  }
}

async function readKeys(
  database: Database,
  encryptionKeys: readonly Buffer[],
): Promise<schema.KeysReading> {
  const known = await listEncryptionChecks(database.sql);
  const sealedWith = known.map(({ keyId }) => keyId);
  if (encryptionKeys.length === 0) {
    return { given: [], sealedWith, missing: sealedWith, unopened: 0 };
  }
  const keyring = openKeyring(encryptionKeys);
  const missing = known.filter((one) => !isOpenedBy(keyring, one)).map(({ keyId }) => keyId);
  const unopened = await countSealedByOthersOfAllTeams(database.sql, keyring.keyIds);
  return { given: keyring.keyIds, sealedWith, missing, unopened };
}
