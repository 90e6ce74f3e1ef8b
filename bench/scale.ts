// npm run bench -- scale [--deliveries 40000] [--processes 1,2,4] [--idle-seconds 20] [--rounds 3] [--json]
//
// Several processes on one database. Busy: a backlog of deliveries to four subscriptions lies in the table when the
// processes start on it together (engines without API); deliveries a second in all, and how many of them each process
// made. Idle: whole services with nothing to do, each with its API, timers and janitor; statements a second of each, from
// pg_stat_statements, which is loaded for this benchmark only. On a machine with fewer cores than processes more of them
// can not be faster; what counts there is that they share the work and do not get in each other's way.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { bars, median, table, verdict } from "./chart.ts";
import { openChild } from "./child.ts";
import { cpuSecondsOfTree } from "./cpu.ts";
import { readOptions, usageError } from "./options.ts";
import { openReport } from "./report.ts";
import type { EngineStart } from "./scale-engine.ts";
import type { ServiceOptions } from "./service.ts";
import { openSink, type Sink } from "./sink.ts";
import { inWorld, openPostgres, type Postgres, query, type World } from "./world.ts";

/** Statements a second that an idle process may cost. */
const idleStatementsMax = 2;
const subscriptions = 4;
const drainSecondsMax = 300;
const settleSeconds = 5;

type Busy = {
  processes: number;
  perSecond: number;
  /** The part of the deliveries that each process made. */
  shares: number[];
  postgresMicroseconds: number;
};
type Idle = { processes: number; statementsPerSecond: number };

const options = readOptions({
  name: "scale",
  purpose: "several processes on one database, busy and idle",
  options: {
    deliveries: { describes: "deliveries in the backlog", default: "40000" },
    processes: { describes: "how many processes", default: "1,2,4" },
    "idle-seconds": { describes: "how long idle processes are watched", default: "20" },
  },
});
const counts = options.text("processes").split(",").map(Number);
if (!counts.every((count) => Number.isInteger(count) && count >= 1 && count <= 32)) {
  usageError("scale", "--processes is a list of whole numbers from 1 to 32.");
}
const facts = Math.ceil(options.count("deliveries") / subscriptions);
const report = openReport("scale", options);

await inWorld(async (world) => {
  report.say("starting PostgreSQL and a receiver …");
  const postgres = await openPostgres(world, {
    shared_preload_libraries: "pg_stat_statements",
    max_connections: "400",
  });
  const sink = await openSink(world, report.say);
  const rounds: { busy: Busy[]; idle: Idle[] }[] = [];
  for (let number = 1; number <= options.rounds; number++) {
    const busy: Busy[] = [];
    const idle: Idle[] = [];
    for (const processes of counts) {
      const made = await drain(world, { postgres, sink, processes, number });
      busy.push(made);
      const shares = made.shares.map((share) => `${Math.round(share * 100)} %`).join(" ");
      report.say(
        `round ${number}, ${processes} busy: ${Math.round(made.perSecond)}/s, shares ${shares}`,
      );
    }
    for (const processes of counts) {
      const watched = await watchIdle(world, { postgres, processes, number });
      idle.push(watched);
      report.say(
        `round ${number}, ${processes} idle: ${watched.statementsPerSecond.toFixed(2)} statements/s each`,
      );
    }
    rounds.push({ busy, idle });
  }
  const results = counts.map((processes) => {
    const busy = rounds.flatMap((round) => round.busy).filter((one) => one.processes === processes);
    const idle = rounds.flatMap((round) => round.idle).filter((one) => one.processes === processes);
    const statements = median(idle.map(({ statementsPerSecond }) => statementsPerSecond));
    return {
      processes,
      perSecond: median(busy.map(({ perSecond }) => perSecond)),
      postgresMicroseconds: median(busy.map((one) => one.postgresMicroseconds)),
      smallestShare: median(busy.map(({ shares }) => Math.min(...shares) * processes)),
      idleStatementsPerSecond: statements,
      met: statements <= idleStatementsMax,
    };
  });
  print(results);
  report.finish({ deliveries: facts * subscriptions, idleStatementsMax, rounds, results });
});

/** Lets so many processes start on a backlog together; resolves when nothing is left. */
async function drain(
  world: World,
  given: { postgres: Postgres; sink: Sink; processes: number; number: number },
): Promise<Busy> {
  const { postgres, sink, processes } = given;
  const database = `busy_${processes}_${given.number}`;
  const databaseUrl = await postgres.newDatabase(database);
  const engines = Array.from({ length: processes }, () => openChild("./scale-engine.ts"));
  const owned = world.own({ close: () => Promise.all(engines.map((engine) => engine.close())) });
  try {
    const start: EngineStart = { databaseUrl };
    await Promise.all(engines.map((engine) => engine.ask("open", start)));
    const urls = Array.from(
      { length: subscriptions },
      (_, index) => `${sink.origin}/hook/${index}`,
    );
    await engines[0]?.ask("fill", { urls, facts });
    await query(databaseUrl, "checkpoint");

    const deliveries = facts * subscriptions;
    const receivedBefore = await sink.count();
    const cpuBefore = cpuSecondsOfTree(postgres.pid);
    const startedMs = performance.now();
    await Promise.all(engines.map((engine) => engine.ask("start")));
    const made = async () =>
      await Promise.all(engines.map((engine) => engine.ask<number>("recorded")));
    let each = await made();
    while (sum(each) < deliveries) {
      if (performance.now() - startedMs > drainSecondsMax * 1_000) {
        throw new Error(
          `${sum(each)} of ${deliveries} were recorded in ${drainSecondsMax} seconds`,
        );
      }
      await pause(20);
      each = await made();
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    const cpu = cpuSecondsOfTree(postgres.pid) - cpuBefore;
    const received = (await sink.count()) - receivedBefore;
    if (received !== deliveries) {
      const failed = await query<{ code: string; count: number }>(
        databaseUrl,
        `select error_code as code, count(*)::int as count from attempts
         where not success group by error_code`,
      );
      throw new Error(
        `${deliveries} attempts were recorded and ${received} received; failed: ${JSON.stringify(failed)}`,
      );
    }
    return {
      processes,
      perSecond: deliveries / seconds,
      shares: each.map((count) => count / deliveries),
      postgresMicroseconds: (cpu / deliveries) * 1e6,
    };
  } finally {
    await owned.close();
    await postgres.dropDatabase(database);
  }
}

/** Watches so many idle services; counts what they ask of the database. */
async function watchIdle(
  world: World,
  given: { postgres: Postgres; processes: number; number: number },
): Promise<Idle> {
  const { postgres, processes } = given;
  const database = `idle_${processes}_${given.number}`;
  const databaseUrl = await postgres.newDatabase(database);
  const services = Array.from({ length: processes }, () => openChild("./service.ts"));
  const owned = world.own({ close: () => Promise.all(services.map((one) => one.close())) });
  try {
    const apiKey = `bench-${randomBytes(16).toString("hex")}`;
    const start: ServiceOptions = { databaseUrl, apiKey, storage: true };
    for (const service of services) await service.ask("open", start);
    await query(databaseUrl, "create extension pg_stat_statements");
    // What a start does once is not what idling costs.
    await pause(settleSeconds * 1_000);
    const before = await statementsSoFar(databaseUrl);
    const seconds = options.count("idle-seconds");
    await pause(seconds * 1_000);
    const asked = (await statementsSoFar(databaseUrl)) - before;
    return { processes, statementsPerSecond: asked / seconds / processes };
  } finally {
    await owned.close();
    await postgres.dropDatabase(database);
  }
}

/** Statements that were run in this database, those of this question left out. */
async function statementsSoFar(databaseUrl: string): Promise<number> {
  const [row] = await query<{ calls: number }>(
    databaseUrl,
    `select coalesce(sum(calls), 0)::int as calls
     from pg_stat_statements s join pg_database d on d.oid = s.dbid
     where d.datname = current_database() and s.query not like '%pg_stat_statements%'`,
  );
  return row?.calls ?? 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function print(
  results: readonly {
    processes: number;
    perSecond: number;
    postgresMicroseconds: number;
    smallestShare: number;
    idleStatementsPerSecond: number;
    met: boolean;
  }[],
): void {
  const title = (processes: number) => (processes === 1 ? "1 process" : `${processes} processes`);
  report.say();
  report.say("Deliveries a second from a backlog, all processes together, medians");
  const lines = results.map(({ processes, perSecond }) => ({
    label: title(processes),
    value: perSecond,
    text: Math.round(perSecond).toLocaleString("en"),
  }));
  for (const line of bars(lines)) report.say(line);
  report.say();
  const head = ["", "µs PostgreSQL", "smallest share ÷ fair", "idle statements/s each", ""];
  const rows = results.map((result) => [
    title(result.processes),
    result.postgresMicroseconds.toFixed(1),
    result.smallestShare.toFixed(2),
    result.idleStatementsPerSecond.toFixed(2),
    `≤ ${idleStatementsMax}: ${verdict(result.met)}`,
  ]);
  for (const line of table(head, rows)) report.say(line);
  report.say();
}
