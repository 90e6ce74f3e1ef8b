import type { Logger } from "pino";
import type { RecordAllFacts, RecordFacts } from "../actions/record-facts.ts";
import type { Config } from "../config.ts";
import type { Database } from "../db/sql.ts";
import type { Metrics } from "../metrics.ts";
import type { Keyring } from "../secrets.ts";

/** What the API needs of the rest of the house; the composition root hands it in. */
export type ApiDeps = {
  config: Config;
  /** The pool for reads and small writes of the API; facts go through `recordFacts`. */
  database: Database;
  keyring: Keyring;
  recordFacts: RecordFacts;
  recordAllFacts: RecordAllFacts;
  log: Logger;
  metrics: Metrics;
  /** What /readyz tells: undefined when ready, otherwise one sentence with the reason. */
  notReadyReason(): Promise<string | undefined>;
  /** Delays handed to the database and chance are arguments, so that tests decide them. */
  random: () => number;
};
