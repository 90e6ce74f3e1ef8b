// npm run bench -- stall [--dead 300000] [--hanging 500] [--healthy 100] [--seconds 15] [--rounds 3] [--json]
//
// 100 healthy receivers, each with a publisher that reports a run as soon as the webhook of the one before it is
// answered and recorded: alone; beside one dead receiver that hangs until its timeout, with 300,000 deliveries due; and
// beside 500 receivers that all hang. In turns, on databases of their own. Healthy throughput, and the 95th percentile
// from the commit of a fact to the record of its first attempt.
import { newId } from "../packages/server/src/ids.ts";
import { bars, median, quantile, table, verdict } from "./chart.ts";
import { openEngine } from "./engine.ts";
import { generateBacklog, type Waiting } from "./generate-backlog.ts";
import { readOptions } from "./options.ts";
import { openReport } from "./report.ts";
import { openSilentReceiver } from "./silent-receiver.ts";
import { openSink } from "./sink.ts";
import { inWorld, openPostgres } from "./world.ts";

/** Healthy throughput beside the stalled ones keeps at least this part. */
const targetRatio = 0.75;
const warmUpMs = 3_000;

const options = readOptions({
  name: "stall",
  purpose: "healthy receivers beside a dead one with a large backlog",
  options: {
    dead: { describes: "deliveries that are due to one dead receiver", default: "300000" },
    hanging: { describes: "receivers that all hang, in the third scenario", default: "500" },
    healthy: { describes: "healthy receivers, with one publisher each", default: "100" },
    timeout: { describes: "seconds until a hanging request is given up", default: "10" },
    seconds: { describes: "how long each scenario is measured in a round", default: "15" },
  },
});
const report = openReport("stall", options);

type Measured = { perSecond: number; p50Ms: number; p95Ms: number };

await inWorld(async (world) => {
  report.say("starting PostgreSQL, a receiver that answers and one that never does …");
  const postgres = await openPostgres(world);
  const sink = await openSink(world, report.say);
  const silent = await openSilentReceiver(world);
  const timeoutSeconds = options.count("timeout");
  const healthy = {
    subscriptions: options.count("healthy"),
    url: `${sink.origin}/hook`,
    rows: 0,
    timeoutSeconds: 10,
    apart: true,
  } as const;
  const stalled = (subscriptions: number, rows: number): Waiting => ({
    subscriptions,
    url: silent.url,
    rows,
    timeoutSeconds,
  });
  const hanging = options.count("hanging");
  const scenarios = [
    { name: "alone", groups: [] },
    { name: "dead", groups: [stalled(1, options.count("dead"))] },
    { name: "hanging", groups: [stalled(hanging, hanging * 100)] },
  ];
  const worlds: { name: string; url: string; teamIds: string[]; rounds: Measured[] }[] = [];
  for (const { name, groups } of scenarios) {
    const url = await postgres.newDatabase(`stall_${name}`);
    const [own = []] = await generateBacklog(url, [healthy, ...groups]);
    worlds.push({ name, url, teamIds: own.map(({ teamId }) => teamId), rounds: [] });
    report.say(`made: ${name}`);
  }
  for (let round = 1; round <= options.rounds; round++) {
    for (const { name, url, teamIds, rounds } of worlds) {
      const measured = await measure(url, teamIds);
      rounds.push(measured);
      report.say(
        `round ${round}, ${name}: ${Math.round(measured.perSecond)}/s, p50 ${measured.p50Ms} ms, p95 ${measured.p95Ms} ms`,
      );
    }
  }

  const middle = (name: string, of: keyof Measured) =>
    median(worlds.find((one) => one.name === name)?.rounds.map((round) => round[of]) ?? []);
  report.say("\nhealthy deliveries a second:");
  const chart = worlds.map(({ name }) => ({
    label: name,
    value: middle(name, "perSecond"),
    text: `${Math.round(middle(name, "perSecond"))}/s, p95 ${middle(name, "p95Ms")} ms`,
  }));
  for (const line of bars(chart)) report.say(line);
  const ratios = Object.fromEntries(
    ["dead", "hanging"].map((name) => [
      name,
      middle(name, "perSecond") / middle("alone", "perSecond"),
    ]),
  );
  const targets = Object.entries(ratios).map(([name, ratio]) => [
    `${name} ÷ alone ≥ ${targetRatio}`,
    ratio.toFixed(2),
    verdict(ratio >= targetRatio),
  ]);
  for (const line of table(["healthy throughput", "", ""], targets)) report.say(line);
  report.finish({
    scenarios: worlds.map(({ name, rounds }) => ({ name, rounds })),
    ratios,
    targetRatio,
  });
});

/** Runs the service with a publisher for each healthy team; counts and times what is recorded for them. */
async function measure(url: string, teamIds: readonly string[]): Promise<Measured> {
  const waiting = new Map<string, () => void>();
  let latenciesMs: number[] = [];
  const engine = await openEngine({
    databaseUrl: url,
    onRecorded: ({ teamId, number, createdAt }) => {
      const proceed = waiting.get(teamId);
      if (!proceed) return;
      if (number === 1) latenciesMs.push(Date.now() - Date.parse(createdAt));
      proceed();
    },
  });
  let stopping = false;
  const publish = async (teamId: string) => {
    const workflowId = newId();
    const common = { teamId, actor: "system" };
    const data = {
      name: "Bench",
      description: null,
      configuration: null,
      settings: null,
      versionName: null,
    };
    await engine.facts.record({ type: "workflow.created", ...common, workflowId, data });
    while (!stopping) {
      const recorded = new Promise<void>((resolve) => waiting.set(teamId, resolve));
      await engine.facts.record({
        type: "run.started",
        ...common,
        runId: newId(),
        workflowId,
        data: { trigger: "manual", input: null, timeoutSeconds: null },
      });
      await recorded;
    }
  };
  const publishers = teamIds.map(publish);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  latenciesMs = [];
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, options.count("seconds") * 1_000));
  const seconds = (performance.now() - startedAt) / 1_000;
  const measured = latenciesMs;
  stopping = true;
  await Promise.all(publishers);
  await engine.close();
  return {
    perSecond: measured.length / seconds,
    p50Ms: quantile(measured, 0.5),
    p95Ms: quantile(measured, 0.95),
  };
}
