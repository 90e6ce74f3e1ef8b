// npm run bench -- replay [--missed 40000] [--rate 100] [--offered 200] [--slices 10] [--seconds 3] [--json]
//
// A healthy endpoint to which runs are reported at a given pace, or as fast as four publishers can: alone, beside a replay
// to another endpoint, and beside a replay to the same endpoint, in short slices in turns, so that what else the machine
// does is spread over all of them. Healthy deliveries a second, the median and the 95th percentile from the commit of a
// fact to the record of its first attempt, and how fast the replay went.
import { setTimeout as pause } from "node:timers/promises";
import { everyDelivery } from "../packages/server/src/db/delivery-sought.ts";
import { openDatabase, openTeamDatabase } from "../packages/server/src/db/pool.ts";
import { insertReplay } from "../packages/server/src/db/replays.ts";
import { newId } from "../packages/server/src/ids.ts";
import { openReplays } from "../packages/server/src/watch/replays.ts";
import { quantile, table, verdict } from "./chart.ts";
import { type Engine, openEngine } from "./engine.ts";
import { generateBacklog } from "./generate-backlog.ts";
import { readOptions } from "./options.ts";
import { openReport } from "./report.ts";
import { openSink } from "./sink.ts";
import { inWorld, openPostgres, query } from "./world.ts";

/** Healthy throughput beside a replay keeps at least this part. */
const targetRatio = 0.9;
const warmUpMs = 3_000;
/** Between two slices: what the one before has under way ends. */
const settleMs = 500;
const publishers = 4;

const options = readOptions({
  name: "replay",
  purpose: "a healthy endpoint beside a replay",
  rounds: 1,
  options: {
    missed: { describes: "deliveries that each replay is about", default: "40000" },
    rate: { describes: "deliveries a second that a replay asks for", default: "100" },
    offered: { describes: "facts a second, in all", default: "200" },
    flood: { describes: "as many facts as four publishers can report", flag: true },
    slices: { describes: "slices of each kind in a round", default: "10" },
    seconds: { describes: "how long a slice lasts", default: "3" },
  },
});
const report = openReport("replay", options);

const kinds = ["alone", "other", "same"] as const;
type Kind = (typeof kinds)[number];
type Slice = { latenciesMs: number[]; replayed: number; seconds: number };

await inWorld(async (world) => {
  report.say("starting PostgreSQL and a receiver …");
  const postgres = await openPostgres(world);
  const sink = await openSink(world, report.say);
  const databaseUrl = await postgres.newDatabase("replay");
  const group = {
    subscriptions: 1,
    url: `${sink.origin}/hook`,
    timeoutSeconds: 10,
    apart: true,
    rows: options.count("missed"),
  } as const;
  const made = await generateBacklog(databaseUrl, [group, group]);
  const [healthy, missed] = made.flat();
  if (!healthy || !missed) throw new Error("there are no endpoints");
  await query(
    databaseUrl,
    "update deliveries set status = 'failed', finished_at = now(), due_at = null, last_attempt_at = now()",
  );
  await query(databaseUrl, "vacuum analyze deliveries");

  let current: Slice | undefined;
  const engine = world.own(
    await openEngine({
      databaseUrl,
      onRecorded: ({ manual, number, createdAt }) => {
        if (manual && current) current.replayed++;
        else if (number === 1) current?.latenciesMs.push(Date.now() - Date.parse(createdAt));
      },
    }),
  );
  const onError = (error: Error) => console.error(error);
  const connections = { url: databaseUrl, connectionsMax: 2, statementTimeoutMs: 10_000, onError };
  const teams = openTeamDatabase({ ...connections, name: "api", role: "postrider_team" });
  world.own(teams);
  const claims = openDatabase({ ...connections, name: "claims", role: "postrider_all_teams" });
  world.own(claims);
  world.own(
    openReplays({
      database: claims,
      teams,
      freeSlots: engine.dispatcher.freeSlots,
      onDue: () => engine.dispatcher.wake(),
      onError: (message, error) => console.error(message, error),
    }),
  );
  const replays = new Map<Kind, string>();
  for (const [kind, { teamId, id }] of [["other", missed] as const, ["same", healthy] as const]) {
    const replayId = newId();
    replays.set(kind, replayId);
    await engine.database.begin((tx) =>
      insertReplay(tx, {
        teamId,
        id: replayId,
        search: { deliveries: { ...everyDelivery, subscriptionIds: [id] } },
        which: "failed",
        ratePerSecond: options.count("rate"),
        actor: "system",
      }),
    );
  }
  /** Lets the replay of this kind go on, and no other. */
  const letGoOn = (kind: Kind) => engine.database.sql`
    update replays set due_at = case when id = ${replays.get(kind) ?? ""} then now() else 'infinity' end
    where finished_at is null`;

  await letGoOn("alone");
  const stop = await publish(engine, healthy.teamId);
  await pause(warmUpMs);
  const slices: Record<Kind, Slice[]> = { alone: [], other: [], same: [] };
  for (let count = 0; count < options.count("slices") * options.rounds; count++) {
    for (const kind of kinds) {
      await letGoOn(kind);
      await pause(settleMs);
      const startedAt = performance.now();
      const slice: Slice = { latenciesMs: [], replayed: 0, seconds: 0 };
      current = slice;
      await pause(options.count("seconds") * 1_000);
      current = undefined;
      slice.seconds = (performance.now() - startedAt) / 1_000;
      slices[kind].push(slice);
    }
  }
  await stop();

  const figures = Object.fromEntries(kinds.map((kind) => [kind, figuresOf(slices[kind])]));
  for (const line of table(
    ["", "healthy/s", "p50 ms", "p95 ms", "replayed/s"],
    kinds.map((kind) => [kind, ...Object.values(figures[kind] ?? {}).map((one) => one.toFixed(0))]),
  )) {
    report.say(line);
  }
  const ratios = Object.fromEntries(
    (["other", "same"] as const).map((kind) => [
      kind,
      (figures[kind]?.perSecond ?? 0) / (figures.alone?.perSecond ?? 1),
    ]),
  );
  const targets = Object.entries(ratios).map(([name, ratio]) => [
    `${name} ÷ alone ≥ ${targetRatio}`,
    ratio.toFixed(2),
    verdict(ratio >= targetRatio),
  ]);
  for (const line of table(["healthy throughput", "", ""], targets)) report.say(line);
  report.finish({ figures, ratios, targetRatio });
});

/** Of all slices of a kind together. */
function figuresOf(slices: readonly Slice[]) {
  const seconds = slices.reduce((sum, slice) => sum + slice.seconds, 0);
  const latenciesMs = slices.flatMap((slice) => slice.latenciesMs);
  return {
    perSecond: latenciesMs.length / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p95Ms: quantile(latenciesMs, 0.95),
    replayedPerSecond: slices.reduce((sum, slice) => sum + slice.replayed, 0) / seconds,
  };
}

/** Reports runs until the returned function is called. */
async function publish(engine: Engine, teamId: string): Promise<() => Promise<void>> {
  const common = { teamId, actor: "system" };
  const workflowId = newId();
  const data = {
    name: "Bench",
    description: null,
    configuration: null,
    settings: null,
    versionName: null,
  };
  await engine.facts.record({ type: "workflow.created", ...common, workflowId, data });
  const report = () =>
    engine.facts.record({
      type: "run.started",
      ...common,
      runId: newId(),
      workflowId,
      data: { trigger: "manual", input: null, timeoutSeconds: null },
    });
  let stopping = false;
  const flood = async () => {
    while (!stopping) await report();
  };
  const atPace = async () => {
    const startedAt = performance.now();
    const under: Promise<unknown>[] = [];
    for (let count = 1; !stopping; count++) {
      under.push(report());
      const dueInMs = startedAt + (count * 1_000) / options.count("offered") - performance.now();
      if (dueInMs > 0) await pause(dueInMs);
    }
    await Promise.all(under);
  };
  const publishing = options.flag("flood") ? Array.from({ length: publishers }, flood) : [atPace()];
  return async () => {
    stopping = true;
    await Promise.all(publishing);
  };
}
