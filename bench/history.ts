// npm run bench -- history [--rows 10000000] [--requests 30] [--data directory] [--buffers 128MB] [--json]
//
// Every list of deliveries, attempts and logs, with every filter, through the real API on a history of 30 days: one
// team with nine tenths of it, and nine others. Pages are varied, and nothing is asked twice to warm up. The target is
// a 95th percentile below 100 ms for each kind of request, and no answer but 200.
import { openApp } from "../packages/server/src/api/app.ts";
import { readConfig } from "../packages/server/src/config.ts";
import { openDatabase, openTeamDatabase } from "../packages/server/src/db/pool.ts";
import { openLog } from "../packages/server/src/log.ts";
import { openMetrics } from "../packages/server/src/metrics.ts";
import { openKeyring } from "../packages/server/src/secrets.ts";
import { openSignals } from "../packages/server/src/signals.ts";
import { bars, quantile, table, verdict } from "./chart.ts";
import type { History } from "./generate-history.ts";
import { type CallExample, type Example, historyRequests } from "./history-requests.ts";
import { openHistory } from "./kept-history.ts";
import { readOptions } from "./options.ts";
import { makeReadKey } from "./read-key.ts";
import { openReport } from "./report.ts";
import { inWorld, query, type World } from "./world.ts";

const targetMs = 100;
const options = readOptions({
  name: "history",
  purpose: "every list and filter of the API on millions of deliveries",
  rounds: 1,
  options: {
    rows: { describes: "deliveries", default: "10000000" },
    requests: { describes: "requests of each kind, in each round", default: "30" },
    data: {
      describes: "keep the history in this directory, and use it if it is there",
      default: "",
    },
    buffers: { describes: "PostgreSQL's shared_buffers", default: "128MB" },
    only: { describes: "only kinds of requests whose name contains this", default: "" },
  },
});
const report = openReport("history", options);

await inWorld(async (world) => {
  const { url, history, generatedInSeconds } = await openHistory(world, {
    rows: options.count("rows"),
    data: options.text("data"),
    buffers: options.text("buffers"),
    say: report.say,
  });
  const api = await openApi(url, world);
  const bytes = await query<{ name: string; bytes: string }>(
    url,
    `select parent as name,
            (pg_total_relation_size(parent::regclass)
              + coalesce(sum(pg_total_relation_size(relid)), 0))::text as bytes
     from unnest(array['deliveries', 'events', 'attempts']) parent
     left join lateral pg_partition_tree(parent::regclass) on true group by parent order by parent`,
  );
  const gigabytes = Object.fromEntries(
    bytes.map(({ name, bytes: size }) => [name, Number((Number(size) / 1e9).toFixed(1))]),
  );
  report.say(`${history.deliveries} deliveries, GB on disk: ${JSON.stringify(gigabytes)}`);

  const examples = await pickExamples(url, history);
  const calls = await pickCalls(url, history);
  const kinds = historyRequests(history, examples, calls).filter(({ name }) =>
    name.includes(options.text("only")),
  );
  const figures = [];
  for (const kind of kinds) {
    const ms: number[] = [];
    const refused: Record<string, number> = {};
    for (let n = 0; n < options.rounds * options.count("requests"); n++) {
      const startedAt = performance.now();
      const answer = await api.get(kind.teamId ?? history.hugeTeamId, kind.path(n));
      ms.push(performance.now() - startedAt);
      if (answer.status !== 200) refused[answer.code] = (refused[answer.code] ?? 0) + 1;
    }
    const figure = {
      name: kind.name,
      p50: round1(quantile(ms, 0.5)),
      p95: round1(quantile(ms, 0.95)),
      most: round1(Math.max(...ms)),
      refused,
      met: quantile(ms, 0.95) < targetMs && Object.keys(refused).length === 0,
    };
    figures.push(figure);
    report.say(
      `${figure.name.padEnd(58)} p50 ${figure.p50} p95 ${figure.p95} ms ${Object.keys(refused).length > 0 ? JSON.stringify(refused) : ""} ${verdict(figure.met)}`,
    );
  }

  report.say("\n95th percentile, milliseconds:");
  for (const line of bars(
    figures.map(({ name, p95 }) => ({ label: name, value: p95, text: p95.toFixed(1) })),
  )) {
    report.say(line);
  }
  const missed = figures.filter(({ met }) => !met);
  const counts = [
    ["below 100 ms, all answered 200", `${figures.length - missed.length} of ${figures.length}`],
  ];
  for (const line of table(["kinds of requests", ""], counts)) report.say(line);
  report.say(`target ${verdict(missed.length === 0)}: every p95 below ${targetMs} ms`);
  report.finish({
    deliveries: history.deliveries,
    generatedInSeconds,
    gigabytes,
    targetMs,
    figures,
  });
});

/** The real API over connections like the service's; nothing listens, requests are handed to it. */
async function openApi(url: string, world: World) {
  const config = readConfig("development", {});
  const connections = (name: string) => ({
    url,
    name,
    connectionsMax: config.databaseConnections,
    statementTimeoutMs: 10_000,
    onError: (error: Error) => console.error(error),
  });
  const owner = world.own(openDatabase({ role: "owner", ...connections("bench") }));
  const team = "postrider_team";
  const database = world.own(openTeamDatabase({ role: team, ...connections("api") }));
  const ofKeys = world.own(openTeamDatabase({ role: "postrider_keys", ...connections("keys") }));
  const noFacts = () => Promise.reject(new Error("this benchmark records no facts"));
  const app = world.own(
    await openApp({
      config,
      database,
      keys: ofKeys,
      keyring: openKeyring([Buffer.alloc(32, 7)]),
      recordFacts: noFacts,
      recordAllFacts: noFacts,
      eraseTeam: () => Promise.reject(new Error("this benchmark erases nothing")),
      keepPerson: () => Promise.reject(new Error("nobody signs in here")),
      log: openLog({ level: "error" }),
      builtDashboard: () => undefined,
      answerMcp: () => Promise.reject(new Error("no MCP is spoken here")),
      listening: openSignals(),
      builtSite: () => undefined,
      metrics: openMetrics(),
      notReadyReason: async () => undefined,
      random: Math.random,
      nowMs: Date.now,
    }),
  );
  const keys = new Map<string, string>();
  return {
    async get(teamId: string, path: string): Promise<{ status: number; code: string }> {
      let key = keys.get(teamId);
      if (key === undefined) {
        key = await makeReadKey(owner.sql, teamId);
        keys.set(teamId, key);
      }
      const headers = { authorization: `Bearer ${key}` };
      const answer = await app.inject({ method: "GET", url: path, headers });
      const code = answer.statusCode === 200 ? "" : String(answer.json().code);
      return { status: answer.statusCode, code };
    },
  };
}

/** Some deliveries of contract A in the huge team from all over the time. */
async function pickExamples(url: string, { hugeTeamId }: History): Promise<Example[]> {
  return await query<Example>(
    url,
    `select d.id as "deliveryId", 'event_' || d.event_id as "eventId", e.run_id as "runId"
     from generate_series(1, 30) day
     cross join lateral (
       select d.* from deliveries d join subscriptions s on s.id = d.subscription_id
       where d.team_id = $1 and s.contract = 'workflow' and d.event_type like 'workflow_run%'
         and d.id < lpad(to_hex(extract(epoch from now() - day * interval '23 hours')::bigint), 8, '0')
       order by d.id desc limit 1
     ) d
     join events e on e.id = d.event_id and e.created_at = d.created_at`,
    [hugeTeamId],
  );
}

/** Some of the huge team's calls. */
async function pickCalls(url: string, { hugeTeamId }: History): Promise<CallExample[]> {
  return await query<CallExample>(
    url,
    `select id as "callId", assistant_id as "assistantId" from calls
     where team_id = $1 order by md5(id) limit 30`,
    [hugeTeamId],
  );
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
