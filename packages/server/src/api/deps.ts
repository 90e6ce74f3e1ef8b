import type { Logger } from "pino";
import type { RecordAllFacts, RecordFacts } from "../actions/record-facts.ts";
import type { Scope } from "../api-keys.ts";
import type { BuiltFiles } from "../built-files.ts";
import type { Config } from "../config.ts";
import type { Person } from "../db/people.ts";
import type { TeamDatabase } from "../db/pool.ts";
import type { Metrics } from "../metrics.ts";
import type { Keyring } from "../secrets.ts";
import type { Signals } from "../signals.ts";

/** What the API needs of the rest of the house; the composition root hands it in. */
export type ApiDeps = {
  config: Config;
  /** For reads and small writes of the API; handlers get theirs as `caller.database`. Facts go through `recordFacts`. */
  database: TeamDatabase;
  /** For lists and counts, where a standby may answer; handlers get theirs as `caller.lists`. Without it `database` does. */
  lists?: Pick<TeamDatabase, "forTeams">;
  /** For API keys, which are asked for before any team is known; it reaches nothing else. */
  keys: TeamDatabase;
  keyring: Keyring;
  recordFacts: RecordFacts;
  recordAllFacts: RecordAllFacts;
  /** Closes a team and begins to erase it, which no team's own connections may; true when nothing is left already. */
  eraseTeam: (teamId: string) => Promise<boolean>;
  /** Signals the id of a listener when there is a request for it, whichever process makes it. */
  listening: Signals;
  /** Keeps what the sign-in provider told of a person, which neither a team's own connections nor those for keys may. */
  keepPerson: (person: Person) => Promise<{ id: string; teamId: string }>;
  /** What is served under /dashboard and /portal; undefined while it is not built. */
  builtDashboard: () => BuiltFiles | undefined;
  /** Answers a message of MCP, whose caller is known. */
  answerMcp: (exchange: McpExchange) => Promise<Response>;
  /** What is served under /docs; undefined while it is not built. */
  builtSite: () => BuiltFiles | undefined;
  log: Logger;
  metrics: Metrics;
  /** What /readyz tells: undefined when ready, otherwise one sentence with the reason. */
  notReadyReason(): Promise<string | undefined>;
  /** Delays handed to the database and chance are arguments, so that tests decide them. */
  random: () => number;
  /** The wall clock, for what is decided without a database. */
  nowMs: () => number;
};

/** One request of MCP, whose caller is known already. */
export type McpExchange = {
  request: Request;
  /** The body of it, read as JSON. */
  body: unknown;
  apiKey: string;
  /** The team that the tools act for. */
  teamId: string;
  scopes: ReadonlySet<Scope>;
  /** Asks the API of this process, as that caller or anybody. */
  ask: typeof fetch;
  onBug: (error: unknown) => void;
};
