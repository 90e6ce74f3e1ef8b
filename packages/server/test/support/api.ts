import { text } from "node:stream/consumers";
import type { FastifyInstance } from "fastify";
import { eraseTeam } from "../../src/actions/erase-team.ts";
import { openApp } from "../../src/api/app.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import type { Routes } from "../../src/api/request.ts";
import { newApiKey, type Scope, scopes } from "../../src/api-keys.ts";
import { readConfig } from "../../src/config.ts";
import { insertApiKey } from "../../src/db/api-keys.ts";
import { keepPersonOfAnyTeam } from "../../src/db/people.ts";
import {
  type Database,
  openDatabase,
  openTeamDatabase,
  type TeamDatabase,
} from "../../src/db/pool.ts";
import { insertTeam } from "../../src/db/teams.ts";
import { newId } from "../../src/ids.ts";
import { openLog } from "../../src/log.ts";
import { openMetrics } from "../../src/metrics.ts";
import { openKeyring } from "../../src/secrets.ts";
import { openSignals } from "../../src/signals.ts";
import { createDatabase } from "./postgres.ts";

/** One request of a test. A string or bytes as `body` go out as they are, anything else as JSON. */
export type CallOptions = {
  /** An API key; null sends none. Without it: a key of the test's team with every scope. */
  key?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
};

/** The answer: `body` parsed when it is JSON, otherwise the text. */
export type CallAnswer = {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
  body: any;
  text: string;
};

export type TestApi = {
  app: FastifyInstance;
  databaseUrl: string;
  /** The owner's connections, before which there is no wall. */
  database: Database;
  deps: ApiDeps;
  /** The team that `key` opens. */
  teamId: string;
  key: string;
  /** What was logged, one parsed line each. */
  logged: Record<string, unknown>[];
  call(method: string, path: string, options?: CallOptions): Promise<CallAnswer>;
  /** Makes another team with a key that has every scope. */
  newTeam(): Promise<{ teamId: string; key: string }>;
  /** Makes a key; its first team is the default one. */
  newKey(options?: NewKeyOptions): Promise<{ id: string; key: string }>;
  close(): Promise<void>;
};

export type NewKeyOptions = {
  scopes?: readonly Scope[];
  teamIds?: readonly [string, ...string[]];
  expiresInSeconds?: number;
};

export type TestApiOptions = {
  deps?: Partial<ApiDeps> | ((database: TeamDatabase, owner: Database) => Partial<ApiDeps>);
  /** Put between the API and its connections. */
  database?: (database: TeamDatabase, owner: Database) => TeamDatabase;
  routes?: readonly Routes[];
};

/** Opens the API on a database of its own; facts are refused unless the test hands in a `recordFacts`. */
export async function openTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const home = await createDatabase();
  const connections = {
    url: home.url,
    name: "test",
    connectionsMax: 5,
    statementTimeoutMs: 10_000,
    onError: () => {},
  };
  const database = openDatabase({ ...connections, role: "owner" });
  const walled = openTeamDatabase({ ...connections, role: "postrider_team" });
  const keys = openTeamDatabase({ ...connections, role: "postrider_keys" });
  const reached = options.database?.(walled, database) ?? walled;
  const logged: Record<string, unknown>[] = [];
  const given = typeof options.deps === "function" ? options.deps(reached, database) : options.deps;
  const deps: ApiDeps = {
    config: readConfig("development", {}),
    database: reached,
    keys,
    keyring: openKeyring([Buffer.alloc(32, 7)]),
    recordFacts: () => Promise.reject(new Error("this test records no facts")),
    recordAllFacts: () => Promise.reject(new Error("this test records no facts")),
    eraseTeam: (teamId, apiKeyId) => eraseTeam({ database }, teamId, apiKeyId),
    keepPerson: (person) => keepPersonOfAnyTeam(database, person),
    log: openLog({
      level: "debug",
      destination: { write: (line) => logged.push(JSON.parse(line)) },
    }),
    listening: openSignals(),
    builtDashboard: () => undefined,
    answerMcp: () => Promise.reject(new Error("no MCP is spoken here")),
    builtSite: () => undefined,
    metrics: openMetrics(),
    notReadyReason: async () => undefined,
    random: () => 0.5,
    nowMs: Date.now,
    ...given,
  };
  const app = await openApp(deps, options.routes ?? []);

  const newKey = async ({ scopes: own = scopes, ...rest }: NewKeyOptions = {}) => {
    const id = newId();
    const { text, secretSha256 } = newApiKey("dev", id);
    await insertApiKey(database.sql, {
      id,
      name: "test",
      secretSha256,
      teamIds: rest.teamIds ?? [teamId],
      scopes: own,
      expiresInSeconds: rest.expiresInSeconds ?? null,
    });
    return { id, key: text };
  };
  const newTeam = async () => {
    const id = newId();
    await insertTeam(database.sql, { id, name: "another" });
    return { teamId: id, key: (await newKey({ teamIds: [id] })).key };
  };
  const teamId = newId();
  await insertTeam(database.sql, { id: teamId, name: "test" });
  const { key } = await newKey();

  return {
    app,
    databaseUrl: home.url,
    database,
    deps,
    teamId,
    key,
    logged,
    newTeam,
    newKey,
    call: (method, path, call = {}) => inject(app, method, path, { key, ...call }),
    async close() {
      await app.close();
      for (const pool of [walled, keys, database]) await pool.close();
      await home.drop();
    },
  };
}

async function inject(
  app: FastifyInstance,
  method: string,
  path: string,
  { key, body, headers }: CallOptions,
): Promise<CallAnswer> {
  const raw = typeof body === "string" || Buffer.isBuffer(body);
  const answer = await app.inject({
    method: method as "GET",
    url: path,
    headers: {
      ...(typeof key === "string" ? { authorization: `Bearer ${key}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: raw ? body : JSON.stringify(body) }),
    payloadAsStream: true,
  });
  const type = String(answer.headers["content-type"]);
  const stream = answer.stream();
  // One of events has no end: test/support/event-stream.ts reads it.
  if (type === "text/event-stream") stream.destroy();
  const read = stream.destroyed ? "" : await text(stream);
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: /json/.test(type) && read !== "" ? JSON.parse(read) : read,
    text: read,
  };
}
