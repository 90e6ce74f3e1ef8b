// npm run bench -- claim [--sizes 10000,100000,1000000,5000000] [--subscriptions 10000] [--rounds 3] [--json]
//
// What it costs the database to claim as the backlog grows: the walk over subscriptions with due work and the claim of
// up to 500 deliveries, as the dispatcher does them and on a connection set as its own; CPU of that connection's process.
// Then one service process beside the largest backlog, whose receivers never answer: the most memory it takes.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { claimDueOfAllTeams } from "../packages/server/src/db/claims.ts";
import { listDueSubscriptionsOfAllTeams } from "../packages/server/src/db/due-walk.ts";
import { openDatabase } from "../packages/server/src/db/pool.ts";
import {
  claimBytesMax,
  claimMax,
  claimSettings,
  walkMax,
} from "../packages/server/src/dispatcher/claiming.ts";
import { leaseMs } from "../packages/server/src/domain/delivery.ts";
import { bars, median, table, verdict } from "./chart.ts";
import { openChild } from "./child.ts";
import { generateBacklog } from "./generate-backlog.ts";
import { readOptions } from "./options.ts";
import { openReport } from "./report.ts";
import { openSilentReceiver } from "./silent-receiver.ts";
import { inWorld, openPostgres, query, type World } from "./world.ts";

/** The largest backlog costs at most so many times what the smallest costs, for each row claimed. */
const targetRatio = 2.5;
const targetMegabytes = 300;
const claimsARound = 10;

const options = readOptions({
  name: "claim",
  purpose: "the cost of claiming as the backlog grows",
  options: {
    sizes: { describes: "pending deliveries", default: "10000,100000,1000000,5000000" },
    subscriptions: { describes: "subscriptions that they are for", default: "10000" },
    seconds: { describes: "how long a service works beside the largest backlog", default: "30" },
  },
});
const sizes = options.text("sizes").split(",").map(Number);
const report = openReport("claim", options);

await inWorld(async (world) => {
  report.say("starting PostgreSQL and a receiver that never answers …");
  const postgres = await openPostgres(world);
  const silent = await openSilentReceiver(world);
  const figures: { rows: number; microseconds: number; rounds: number[]; madeInSeconds: number }[] =
    [];
  let megabytes = 0;
  let began = 0;
  for (const [index, rows] of sizes.entries()) {
    const startedAt = performance.now();
    const url = await postgres.newDatabase(`claim_${rows}`);
    const subscriptions = options.count("subscriptions");
    await generateBacklog(url, [{ subscriptions, url: silent.url, rows, timeoutSeconds: 10 }]);
    const madeInSeconds = Math.round((performance.now() - startedAt) / 1000);
    const rounds = [];
    for (let round = 0; round < options.rounds; round++) {
      rounds.push(await claimRound(url));
      await giveBack(url);
    }
    const microseconds = median(rounds);
    figures.push({ rows, microseconds, rounds, madeInSeconds });
    report.say(`${rows} pending, made in ${madeInSeconds} s: ${microseconds.toFixed(1)} µs a row`);
    if (index === sizes.length - 1) {
      ({ megabytes, began } = await memoryBeside(url, world));
      report.say(
        `one service process beside ${rows}: ${megabytes} MB at the most, ${began} attempts begun`,
      );
    }
    await postgres.dropDatabase(`claim_${rows}`);
  }

  const ratio = (figures.at(-1)?.microseconds ?? 0) / (figures[0]?.microseconds ?? 1);
  report.say("\ndatabase CPU for each row claimed, the walk included:");
  const chart = figures.map(({ rows, microseconds }) => ({
    label: String(rows),
    value: microseconds,
    text: `${microseconds.toFixed(1)} µs`,
  }));
  for (const line of bars(chart)) report.say(line);
  const targets = [
    [`largest ÷ smallest ≤ ${targetRatio}`, ratio.toFixed(2), verdict(ratio <= targetRatio)],
    [`memory < ${targetMegabytes} MB`, `${megabytes} MB`, verdict(megabytes < targetMegabytes)],
  ];
  for (const line of table(["target", "", ""], targets)) report.say(line);
  report.finish({ figures, ratio, megabytes, began, targetRatio, targetMegabytes });
});

/** Walks and claims as one dispatcher's poll does when all has room, some times over; returns microseconds a row. */
async function claimRound(url: string): Promise<number> {
  const database = openDatabase({
    url,
    name: "claims",
    role: "postrider_all_teams",
    connectionsMax: 1,
    statementTimeoutMs: 30_000,
    settings: claimSettings,
    onError: (error) => console.error(error),
  });
  const { sql } = database;
  try {
    const [backend] = await sql<{ pid: number }>`select pg_backend_pid() as pid`;
    const pid = backend?.pid ?? 0;
    let cursor = "";
    const poll = async () => {
      const walked = await listDueSubscriptionsOfAllTeams(sql, cursor, walkMax);
      const due = walked.filter(({ active, dueInMs }) => active && dueInMs <= 0);
      const limit = Math.max(1, Math.floor(claimMax / Math.max(1, due.length)));
      const shares = due.map(({ subscriptionId, timeoutSeconds }) => ({
        subscriptionId,
        limit,
        leaseMs: leaseMs(timeoutSeconds),
      }));
      const claimed = await claimDueOfAllTeams(sql, shares, {
        leaseToken: randomUUID(),
        payloadBytesMax: claimBytesMax,
      });
      cursor = walked.at(-1)?.subscriptionId ?? "";
      return claimed.length;
    };
    // PostgreSQL keeps a plan for a prepared statement from its sixth execution on.
    for (let claim = 0; claim < 6; claim++) await poll();
    const before = cpuNanoseconds(pid);
    let rows = 0;
    for (let claim = 0; claim < claimsARound; claim++) rows += await poll();
    return (cpuNanoseconds(pid) - before) / 1_000 / rows;
  } finally {
    await database.close();
  }
}

/** CPU time of one process so far, in nanoseconds; of its first thread, which is all that a backend has. */
function cpuNanoseconds(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]);
}

/** Makes what was claimed due again and tidies up behind it, so that the next round finds the same. */
async function giveBack(url: string): Promise<void> {
  await query(
    url,
    `update deliveries set lease_token = null, attempt_count = 0, due_at = created_at
     where finished_at is null and due_at > created_at`,
  );
  await query(url, "vacuum deliveries");
}

/** Lets a service work beside the backlog; returns the most memory it took, and how many attempts it began. */
async function memoryBeside(url: string, world: World) {
  const child = world.own(openChild("./claim-service.ts"));
  await child.ask("open", url);
  let most = 0;
  const endsAt = performance.now() + options.count("seconds") * 1_000;
  while (performance.now() < endsAt) {
    most = Math.max(most, residentBytes(child.pid));
    await pause(100);
  }
  const [row] = await query<{ began: number }>(
    url,
    "select count(*)::int as began from deliveries where finished_at is null and lease_token is not null",
  );
  await child.close();
  return { megabytes: Math.round(most / 1e6), began: row?.began ?? 0 };
}

function residentBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}
