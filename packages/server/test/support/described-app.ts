import type { FastifyInstance } from "fastify";
import { openApp } from "../../src/api/app.ts";
import type { Routes } from "../../src/api/request.ts";
import { readConfig } from "../../src/config.ts";
import { openTeamDatabase } from "../../src/db/pool.ts";
import { openLog } from "../../src/log.ts";
import { openMetrics } from "../../src/metrics.ts";
import { openKeyring } from "../../src/secrets.ts";
import { openSignals } from "../../src/signals.ts";

/** Opens the API only to be described: it connects to nothing. */
export function openDescribedApp(moreRoutes: readonly Routes[] = []): Promise<FastifyInstance> {
  const nowhere = openTeamDatabase({
    url: "postgresql://127.0.0.1:1/nowhere",
    name: "nowhere",
    role: "postrider_team",
    connectionsMax: 1,
    statementTimeoutMs: 1_000,
    onError: () => {},
  });
  return openApp(
    {
      config: readConfig("development", {}),
      database: nowhere,
      keys: nowhere,
      keyring: openKeyring([Buffer.alloc(32)]),
      recordFacts: () => Promise.reject(new Error("nothing is recorded here")),
      recordAllFacts: () => Promise.reject(new Error("nothing is recorded here")),
      eraseTeam: async () => true,
      keepPerson: () => Promise.reject(new Error("nobody signs in here")),
      log: openLog({ level: "silent" }),
      builtDashboard: () => undefined,
      answerMcp: () => Promise.reject(new Error("no MCP is spoken here")),
      listening: openSignals(),
      builtSite: () => undefined,
      metrics: openMetrics(),
      notReadyReason: async () => undefined,
      random: () => 0.5,
      nowMs: () => 0,
    },
    moreRoutes,
  );
}
