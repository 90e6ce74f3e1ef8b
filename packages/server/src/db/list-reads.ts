import { type DatabaseOptions, openTeamDatabase, type TeamDatabase } from "./pool.ts";
import { openStandbyReads, type StandbyReadsOptions } from "./standby-reads.ts";

export type ListReadsOptions = Omit<StandbyReadsOptions, "standby"> & {
  /** Undefined: there is no standby, and lists are read where everything is. */
  replicaUrl: string | undefined;
  /** How the connections to the primary are made. */
  connections: Omit<DatabaseOptions, "role">;
};

/** Where lists and counts are read: on the standby that DATABASE_REPLICA_URL names, as long as it keeps up. */
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
    // The next list notices, and tells.
    onError: () => {},
  });
  return { ...openStandbyReads({ ...options, standby }), close: () => standby.close() };
}
