// The service in a process of its own, started by ingest.ts and scale.ts; also without storage, to see what that costs.
import pino from "pino";
import { openApp } from "../packages/server/src/api/app.ts";
import { readConfig } from "../packages/server/src/config.ts";
import { ensureBootstrapKey } from "../packages/server/src/db/api-keys.ts";
import { openDatabase, openTeamDatabase } from "../packages/server/src/db/pool.ts";
import { ensureDefaultTeam } from "../packages/server/src/db/teams.ts";
import { openMetrics } from "../packages/server/src/metrics.ts";
import { openKeyring } from "../packages/server/src/secrets.ts";
import { openServer } from "../packages/server/src/server.ts";
import { openSignals } from "../packages/server/src/signals.ts";
import { answerParent } from "./child.ts";
import { openFromMemory } from "./from-memory.ts";

/** What the process is told at its start. */
export type ServiceOptions = {
  databaseUrl: string;
  apiKey: string;
  /**
   * False: facts are parsed, judged and answered, but neither decided nor stored. A URL: they are decided and sent there
   * as well, from memory.
   */
  storage: boolean | { deliverTo: string };
};

let close = async () => {};

answerParent({ open }, () => close());

/** Starts it; returns its URL. */
async function open({ databaseUrl, apiKey, storage }: ServiceOptions): Promise<string> {
  const config = readConfig("production", {
    DATABASE_URL: databaseUrl,
    POSTRIDER_ENCRYPTION_KEY: "07".repeat(32),
    POSTRIDER_API_KEY: apiKey,
    POSTRIDER_ALLOW_HTTP: "1",
    POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8",
    // One key sends everything, as fast as it can.
    POSTRIDER_RATE_LIMIT: "0",
    POSTRIDER_LOG_LEVEL: "warn",
    HOST: "127.0.0.1",
    PORT: "0",
  });
  if (storage === true) {
    const server = await openServer(config, { migrate: false });
    close = () => server.close();
    return server.url;
  }
  const connections = (name: string) => ({
    url: databaseUrl,
    name,
    connectionsMax: config.databaseConnections,
    statementTimeoutMs: 10_000,
    onError: (error: Error) => console.error(error),
  });
  const upkeep = openDatabase({ role: "owner", ...connections("upkeep") });
  const database = openTeamDatabase({ role: "postrider_team", ...connections("api") });
  const keys = openTeamDatabase({ role: "postrider_keys", ...connections("keys") });
  await ensureDefaultTeam(upkeep.sql);
  await ensureBootstrapKey(upkeep, { key: apiKey });
  const recorded = { outcome: "recorded" as const };
  const memory = storage && openFromMemory(storage.deliverTo, config.subscriptionConcurrency);
  const app = await openApp({
    config,
    database,
    keys,
    keyring: openKeyring(config.encryptionKeys),
    recordFacts: async () => recorded,
    recordAllFacts: memory
      ? memory.recordAll
      : async (facts) => facts.map(() => ({ result: recorded })),
    eraseTeam: () => Promise.reject(new Error("nothing is stored here")),
    keepPerson: () => Promise.reject(new Error("nobody signs in here")),
    log: pino({ level: "warn" }),
    builtDashboard: () => undefined,
    answerMcp: () => Promise.reject(new Error("no MCP is spoken here")),
    listening: openSignals(),
    builtSite: () => undefined,
    metrics: openMetrics(),
    notReadyReason: async () => undefined,
    random: Math.random,
    nowMs: Date.now,
  });
  close = async () => {
    await app.close();
    if (memory) await memory.close();
    for (const pool of [database, keys, upkeep]) await pool.close();
  };
  return await app.listen({ host: config.host, port: config.port });
}
