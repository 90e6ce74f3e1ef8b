import { type DatabasePool, openTeamDatabase } from "../db/pool.ts";
import { readBehindBytes, readOrigin, readStandby } from "../db/standby-readings.ts";
import { holdsWall } from "../db/team-wall.ts";
import type { StandbyReading } from "../domain/diagnosis/standby.ts";

/** Reads the standby of DATABASE_REPLICA_URL with connections like those of the service's lists. */
export async function readReplica(
  { replicaUrl, hide }: { replicaUrl: string | undefined; hide: (text: string) => string },
  database: Pick<DatabasePool, "sql">,
  statementTimeoutMs: number,
): Promise<StandbyReading> {
  if (replicaUrl === undefined) return { kind: "none" };
  const standby = openTeamDatabase({
    url: replicaUrl,
    name: "doctor",
    role: "postrider_team",
    connectionsMax: 1,
    statementTimeoutMs,
    onError: () => {},
  });
  try {
    const { sql } = standby.forTeams([]);
    const origin = await readOrigin(sql).catch((error: Error & { code?: string }) => {
      const { code, message } = error;
      return { code, message: hide(message) };
    });
    if ("message" in origin) return { kind: "away", failure: origin };
    const seen = await readStandby(sql);
    return {
      kind: "there",
      origin,
      primary: await readOrigin(database.sql),
      ...seen,
      holdsWall: await holdsWall(standby),
      behindBytes: seen.isReceiving ? await readBehindBytes(database.sql, sql) : 0,
    };
  } finally {
    await standby.close();
  }
}
