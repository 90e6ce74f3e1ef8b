import type { Logger } from "pino";
import type { RecordAllFacts, RecordFacts } from "../actions/record-facts.ts";
import type { BuiltFiles } from "../built-files.ts";
import type { Config } from "../config.ts";
import type { TeamDatabase } from "../db/sql.ts";
import type { Metrics } from "../metrics.ts";
import type { Keyring } from "../secrets.ts";

/** What the API needs of the rest of the house; the composition root hands it in. */
export type ApiDeps = {
  config: Config;
  /** For reads and small writes of the API; handlers get theirs as `caller.database`. Facts go through `recordFacts`. */
  database: TeamDatabase;
  /** For API keys, which are asked for before any team is known; it reaches nothing else. */
  keys: TeamDatabase;
  keyring: Keyring;
  recordFacts: RecordFacts;
  recordAllFacts: RecordAllFacts;
  /** Closes a team and begins to erase it, which no team's own connections may; true when nothing is left already. */
  eraseTeam: (teamId: string) => Promise<boolean>;
  /** What is served under /dashboard and /portal; undefined while it is not built. */
  builtDashboard: () => BuiltFiles | undefined;
  /** What is served under /docs; undefined while it is not built. */
  builtSite: () => BuiltFiles | undefined;
  log: Logger;
  metrics: Metrics;
  /** What /readyz tells: undefined when ready, otherwise one sentence with the reason. */
  notReadyReason(): Promise<string | undefined>;
  /** Delays handed to the database and chance are arguments, so that tests decide them. */
  random: () => number;
};
