import type { Logger } from "pino";
import type { RecordAllFacts, RecordFacts } from "../actions/record-facts.ts";
import type { Scope } from "../api-keys.ts";
import type { BuiltFiles } from "../built-files.ts";
import type { Config } from "../config.ts";
import type { Person } from "../db/people.ts";
import type { TeamDatabase } from "../db/pool.ts";
import type { OnEnded } from "../domain/tally.ts";
import type { Metrics } from "../metrics.ts";
import type { Keyring } from "../secrets.ts";
import type { Signals } from "../signals.ts";

/** The dependencies of the API; the composition root passes them in. */
export type ApiDeps = {
  config: Config;
  /** For reads and small writes of the API; handlers use `caller.database`. Facts go through `recordFacts`. */
  database: TeamDatabase;
  /** For lists and counts, which a standby may answer; handlers use `caller.lists`. Undefined: `database` is used. */
  lists?: Pick<TeamDatabase, "forTeams">;
  /** For API keys, which are read before any team is known; it reaches nothing else. */
  keys: TeamDatabase;
  keyring: Keyring;
  recordFacts: RecordFacts;
  recordAllFacts: RecordAllFacts;
  /** Closes a team and begins to erase it; a team's own connections may not do this. True when nothing is left. */
  eraseTeam: (teamId: string, apiKeyId: string) => Promise<boolean>;
  /** Counts deliveries that end because their endpoint is deleted. */
  onEnded?: OnEnded;
  /** Signals the id of a listener when there is a request for it, from any process. */
  listening: Signals;
  /** Stores what the sign-in provider says about a person; the connections of teams and keys may not do this. */
  keepPerson: (person: Person) => Promise<{ id: string; teamId: string }>;
  /** The `fetch` that asks the sign-in provider, through the egress proxy if there is one; undefined: Node's own. */
  askProvider?: typeof fetch;
  /** The files under /dashboard and /portal; undefined while they are not built. */
  builtDashboard: () => BuiltFiles | undefined;
  /** Answers an MCP message of an authenticated caller. */
  answerMcp: (exchange: McpExchange) => Promise<Response>;
  /** The files under /docs; undefined while they are not built. */
  builtSite: () => BuiltFiles | undefined;
  log: Logger;
  metrics: Metrics;
  /** The answer of /readyz: undefined when ready, otherwise one sentence with the reason. */
  notReadyReason(): Promise<string | undefined>;
  /** Randomness is an argument, so that tests can fix it. */
  random: () => number;
  /** The wall clock, for decisions without the database. */
  nowMs: () => number;
};

/** One MCP request of an authenticated caller. */
export type McpExchange = {
  request: Request;
  /** Its body, parsed as JSON. */
  body: unknown;
  apiKey: string;
  /** The team that the tools act for. */
  teamId: string;
  scopes: ReadonlySet<Scope>;
  /** A fetch to the API of this process. */
  ask: typeof fetch;
  onBug: (error: unknown) => void;
};
