// npm run bench -- ingest [--facts 20000] [--connections 64] [--rounds 3] [--json]
//
// HTTP in → delivered → recorded, through POST /v1/facts: one fact a request, and 100 a request. Half the facts start a
// run, half complete it, with 400 bytes of input or output; one subscription wants both. Beside it the same server with
// storage switched off, which decides and delivers from memory; the same when nobody subscribes, with storage (it decides
// and stores the runs) and without (it parses, judges and answers). Publisher (this process), service, PostgreSQL and
// receiver share the machine.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { newId } from "../packages/server/src/ids.ts";
import { bars, median, table, verdict } from "./chart.ts";
import { openChild } from "./child.ts";
import { cpuSecondsOfTree, ownCpuSeconds } from "./cpu.ts";
import { runInput } from "./facts.ts";
import { chunks, inLanes } from "./lanes.ts";
import { readOptions } from "./options.ts";
import { openPoster, type Poster } from "./post.ts";
import { openReport } from "./report.ts";
import type { ServiceOptions } from "./service.ts";
import { openSink, type Sink } from "./sink.ts";
import { inWorld, openPostgres, type Postgres, query, type World } from "./world.ts";

/** Ways to run it: what the service does with a fact, and how many come in one request. */
const variants = {
  "no storage, 1 a request": { storage: false, subscribed: false, factsAtOnce: 1 },
  "no storage, 100 a request": { storage: false, subscribed: false, factsAtOnce: 100 },
  "nobody subscribed, 1 a request": { storage: true, subscribed: false, factsAtOnce: 1 },
  "delivered, no storage, 1 a request": { storage: false, subscribed: true, factsAtOnce: 1 },
  "delivered, 1 a request": { storage: true, subscribed: true, factsAtOnce: 1 },
  "delivered, 100 a request": { storage: true, subscribed: true, factsAtOnce: 100 },
} as const;
type Variant = keyof typeof variants;

/** Facts a second of one variant ÷ another must reach `target`. */
const targets: { what: string; of: Variant; to: Variant; target: number }[] = [
  {
    what: "nobody subscribed ÷ no storage",
    of: "nobody subscribed, 1 a request",
    to: "no storage, 1 a request",
    target: 0.7,
  },
  {
    what: "delivered ÷ delivered without storage",
    of: "delivered, 1 a request",
    to: "delivered, no storage, 1 a request",
    target: 0.7,
  },
  {
    what: "delivered ÷ no storage",
    of: "delivered, 1 a request",
    to: "no storage, 1 a request",
    target: 0.7,
  },
  {
    what: "100 a request ÷ 1",
    of: "delivered, 100 a request",
    to: "delivered, 1 a request",
    target: 1.7,
  },
];

type Figures = {
  acceptedPerSecond: number;
  /** Until the last one was delivered and recorded; as accepted where nothing is delivered. */
  finishedPerSecond: number;
  microsecondsPerFact: { service: number; postgres: number; publisher: number; receiver: number };
};

const warmUpFacts = 2_000;
const deliveredSecondsMax = 120;

const options = readOptions({
  name: "ingest",
  purpose: "facts a second over HTTP, accepted, delivered and recorded",
  options: {
    facts: { describes: "facts in each measurement", default: "20000" },
    connections: { describes: "requests at once", default: "64" },
  },
});
const facts = options.count("facts");
const connections = options.count("connections");
const report = openReport("ingest", options);

await inWorld(async (world) => {
  report.say("starting PostgreSQL and a receiver …");
  const postgres = await openPostgres(world);
  const sink = await openSink(world, report.say);
  const rounds: Record<Variant, Figures>[] = [];
  for (let number = 1; number <= options.rounds; number++) {
    const round = {} as Record<Variant, Figures>;
    for (const variant of Object.keys(variants) as Variant[]) {
      round[variant] = await measure(world, { postgres, sink, variant, number });
      const { acceptedPerSecond, finishedPerSecond } = round[variant];
      report.say(
        `round ${number}, ${variant}: accepted ${Math.round(acceptedPerSecond)}/s, ` +
          `finished ${Math.round(finishedPerSecond)}/s`,
      );
    }
    rounds.push(round);
  }
  const ratios = targets.map(({ what, of, to, target }) => {
    const each = rounds.map((round) => round[of].finishedPerSecond / round[to].finishedPerSecond);
    return { what, target, rounds: each, median: median(each), met: median(each) >= target };
  });
  print(rounds, ratios);
  report.finish({ facts, connections, receiver: sink.kind, rounds, ratios });
});

async function measure(
  world: World,
  given: { postgres: Postgres; sink: Sink; variant: Variant; number: number },
): Promise<Figures> {
  const { postgres, sink } = given;
  const { storage, subscribed, factsAtOnce } = variants[given.variant];
  const database = `ingest_${Object.keys(variants).indexOf(given.variant)}_${given.number}`;
  const databaseUrl = await postgres.newDatabase(database);
  const service = openChild("./service.ts");
  const owned = world.own({ close: () => service.close() });
  const apiKey = `bench-${randomBytes(16).toString("hex")}`;
  const receiver = `${sink.origin}/hook`;
  const start: ServiceOptions = {
    databaseUrl,
    apiKey,
    storage: storage || (subscribed && { deliverTo: receiver }),
  };
  const url = await service.ask<string>("open", start);
  const poster = openPoster(url, connections);
  const publish = openPublisher(poster, { apiKey, factsAtOnce });
  try {
    if (subscribed) await publish.subscribe(receiver);
    const receivedAtFirst = await sink.count();
    const delivered = async (count: number) => {
      if (!subscribed) return;
      if (storage) await untilRecorded(databaseUrl, count);
      else await untilReceived(sink, receivedAtFirst + count);
    };
    await publish.createWorkflow();
    await publish.runs(warmUpFacts / 2);
    await delivered(warmUpFacts);

    const cpu = () => ({
      service: cpuSecondsOfTree(service.pid),
      postgres: cpuSecondsOfTree(postgres.pid),
      publisher: ownCpuSeconds(),
      receiver: cpuSecondsOfTree(sink.pid),
    });
    const runs = Math.floor(facts / 2);
    const receivedBefore = await sink.count();
    const before = cpu();
    const startedMs = performance.now();
    await publish.runs(runs);
    const acceptedMs = performance.now();
    await delivered(warmUpFacts + 2 * runs);
    const finishedMs = performance.now();
    const after = cpu();

    const received = (await sink.count()) - receivedBefore;
    if (subscribed && received !== 2 * runs) {
      throw new Error(`${2 * runs} facts were accepted and ${received} webhooks received`);
    }
    if (storage) await insistOnRuns(databaseUrl, runs + warmUpFacts / 2);
    const each = (part: keyof typeof before) => ((after[part] - before[part]) / (2 * runs)) * 1e6;
    return {
      acceptedPerSecond: (2 * runs * 1_000) / (acceptedMs - startedMs),
      finishedPerSecond: (2 * runs * 1_000) / (finishedMs - startedMs),
      microsecondsPerFact: {
        service: each("service"),
        postgres: each("postgres"),
        publisher: each("publisher"),
        receiver: each("receiver"),
      },
    };
  } finally {
    await poster.close();
    await owned.close();
    await postgres.dropDatabase(database);
  }
}

/** A platform that reports runs: each starts, and later completes. */
function openPublisher(poster: Poster, given: { apiKey: string; factsAtOnce: number }) {
  const headers = ["authorization", `Bearer ${given.apiKey}`, "content-type", "application/json"];
  const post = (path: string, body: object) =>
    poster.post(path, headers, Buffer.from(JSON.stringify(body)));
  const workflowId = newId();
  const reportAll = (all: readonly object[]) =>
    inLanes(chunks(all, given.factsAtOnce), connections, (some) =>
      post("/v1/facts", { facts: some }),
    );
  return {
    subscribe: (url: string) =>
      post("/workflows/v1/workflow-webhooks", {
        name: "bench",
        url,
        actions: ["workflow_run_started", "workflow_run_completed"],
      }),
    createWorkflow: () =>
      reportAll([{ type: "workflow.created", data: { _id: workflowId, name: "Bench" } }]),
    async runs(count: number) {
      const ids = Array.from({ length: count }, () => newId());
      await reportAll(
        ids.map((_id) => ({
          type: "run.started",
          data: { _id, workflow_id: workflowId, trigger: "manual", input: runInput(_id) },
        })),
      );
      await reportAll(
        ids.map((run_id) => ({
          type: "run.updated",
          data: { run_id, status: "completed", output: runInput(run_id) },
        })),
      );
    },
  };
}

/** Waits until the receiver has counted so many. */
async function untilReceived(sink: Sink, count: number): Promise<void> {
  const deadlineMs = performance.now() + deliveredSecondsMax * 1_000;
  while ((await sink.count()) < count) {
    if (performance.now() > deadlineMs) {
      throw new Error(`not everything was delivered in ${deliveredSecondsMax} seconds`);
    }
    await pause(10);
  }
}

/** Waits until so many deliveries are recorded as delivered. */
async function untilRecorded(databaseUrl: string, count: number): Promise<void> {
  const deadlineMs = performance.now() + deliveredSecondsMax * 1_000;
  for (;;) {
    const [row] = await query<{ open: boolean }>(
      databaseUrl,
      "select exists (select from deliveries where finished_at is null) as open",
    );
    if (!row?.open) break;
    if (performance.now() > deadlineMs) {
      throw new Error(`not everything was delivered in ${deliveredSecondsMax} seconds`);
    }
    await pause(10);
  }
  const [row] = await query<{ delivered: number }>(
    databaseUrl,
    "select count(*)::int as delivered from deliveries where status = 'delivered'",
  );
  if (row?.delivered !== count) {
    throw new Error(`${count} deliveries were due and ${row?.delivered} delivered`);
  }
}

/** A bulk request is answered with 200 even when facts in it were refused: the runs themselves tell. */
async function insistOnRuns(databaseUrl: string, count: number): Promise<void> {
  const [row] = await query<{ completed: number }>(
    databaseUrl,
    "select count(*)::int as completed from runs where status = 'completed'",
  );
  if (row?.completed !== count) {
    throw new Error(`${count} runs were reported and ${row?.completed} completed`);
  }
}

function print(
  rounds: readonly Record<Variant, Figures>[],
  ratios: readonly {
    what: string;
    target: number;
    median: number;
    met: boolean;
    rounds: number[];
  }[],
): void {
  const names = Object.keys(variants) as Variant[];
  const middle = (variant: Variant, of: (figures: Figures) => number) =>
    median(rounds.map((round) => of(round[variant])));
  report.say();
  report.say(`${facts} facts over ${connections} connections: facts finished a second, medians`);
  const lines = names.map((label) => {
    const value = middle(label, ({ finishedPerSecond }) => finishedPerSecond);
    return { label, value, text: Math.round(value).toLocaleString("en") };
  });
  for (const line of bars(lines)) report.say(line);
  report.say();
  const parts = ["service", "postgres", "publisher", "receiver"] as const;
  const rows = names.map((name) => [
    name,
    ...parts.map((part) =>
      middle(name, ({ microsecondsPerFact }) => microsecondsPerFact[part]).toFixed(0),
    ),
  ]);
  for (const line of table(["CPU a fact, µs", ...parts], rows)) report.say(line);
  report.say();
  const judged = ratios.map(({ what, target, median: value, met, rounds: each }) => [
    what,
    value.toFixed(2),
    `≥ ${target}`,
    verdict(met),
    each.map((ratio) => ratio.toFixed(2)).join(" "),
  ]);
  for (const line of table(["", "median", "target", "", "each round"], judged)) report.say(line);
  report.say();
}
