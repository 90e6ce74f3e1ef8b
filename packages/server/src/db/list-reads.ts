import { type DatabaseOptions, openTeamDatabase, type TeamDatabase } from "./pool.ts";
import { openStandbyReads, type StandbyReadsOptions } from "./standby-reads.ts";

export type ListReadsOptions = Omit<StandbyReadsOptions, "standby"> & {
  /** Undefined: there is no standby, and lists are read on the primary. */
  replicaUrl: string | undefined;
  /** How the connections to the primary are made. */
  connections: Omit<DatabaseOptions, "role">;
};

/** Opens the connections for lists and counts: to the standby of DATABASE_REPLICA_URL, while it keeps up. */
export function openListReads({
  replicaUrl,
  connections,
  ...options
}: ListReadsOptions): Pick<TeamDatabase, "forTeams" | "close"> {
  const { primary } = options;
  if (replicaUrl === undefined) return { forTeams: primary.forTeams, close: async () => {} };
  const standby = openTeamDatabase({
    ...connections,
    url: replicaUrl,
    name: "lists",
    role: "postrider_team",
    // The next list notices and reports it.
    onError: () => {},
  });
  return { ...openStandbyReads({ ...options, standby }), close: () => standby.close() };
}
