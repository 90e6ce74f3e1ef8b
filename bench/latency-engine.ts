// The service without its API, driven at a steady rate in its own process; started by latency.ts.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { Fact } from "../packages/server/src/domain/facts.ts";
import { answerParent } from "./child.ts";
import { type Engine, openEngine } from "./engine.ts";
import { runsStarted } from "./facts.ts";
import { chunks, inLanes } from "./lanes.ts";

/** What to do: this many facts a second for so long; `silentUrl`: a receiver that never answers gets them too. */
export type Drive = {
  databaseUrl: string;
  origin: string;
  rate: number;
  seconds: number;
  silentUrl: string | undefined;
};

/** What came of it. */
export type Driven = {
  /** From when each fact was due; undefined where the rate was not held. */
  times: { answeredMs: number[]; recordedMs: number[] } | undefined;
  /** Facts that were due and not recorded when the last one was due. */
  backlog: number;
  /** Facts recorded a second until then. */
  perSecond: number;
  /** How late the timers of the service's process were while it was measured. */
  loopLagMs: { p50: number; p99: number; max: number };
};

/** As many as in `delivery`: until then much of the time goes into compiling. */
const warmUpFacts = 10_000;
const warmUpAtOnce = 100;
/** More than a quarter of a second's facts on their way at the end: the rate was not held. */
const heldSeconds = 0.25;
/** Half a minute. */
const waitsMax = 3_000;

let engine: Engine | undefined;

answerParent({ drive }, async () => engine?.close());

async function drive({ databaseUrl, origin, rate, seconds, silentUrl }: Drive): Promise<Driven> {
  const answeredAtMs = new Map<string, number>();
  const recordedAtMs = new Map<string, number>();
  let healthy = "";
  let recordedOfHealthy = 0;
  engine = await openEngine({
    databaseUrl,
    onAnswered: ({ deliveryId }) => answeredAtMs.set(deliveryId, performance.now()),
    onRecorded: ({ deliveryId, subscriptionId }) => {
      recordedAtMs.set(deliveryId, performance.now());
      if (subscriptionId === healthy) recordedOfHealthy++;
    },
  });
  const workflowId = await engine.createWorkflow();
  healthy = await engine.subscribe(`${origin}/hook`);

  const warmUp = runsStarted(workflowId, warmUpFacts);
  const { facts: intake } = engine;
  // As fast as it goes: a given rate may be beyond reach.
  await inLanes(chunks(warmUp, warmUpAtOnce), 1, (some) =>
    Promise.all(some.map((fact) => intake.record(fact))),
  );
  await engine.untilRecorded(warmUp.length);

  if (silentUrl !== undefined) await engine.subscribe(silentUrl);
  const facts = runsStarted(workflowId, rate * seconds);
  const recordedBefore = recordedOfHealthy;
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const { startedMs, refused } = await offer(engine, facts, rate);
  lag.disable();
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  const loopLagMs = {
    p50: ms(lag.percentile(50)),
    p99: ms(lag.percentile(99)),
    max: ms(lag.max),
  };
  const recorded = recordedOfHealthy - recordedBefore;
  const perSecond = (recorded * 1_000) / (performance.now() - startedMs);
  const backlog = facts.length - recorded;
  if (refused() || backlog > rate * heldSeconds) {
    return { times: undefined, backlog, perSecond, loopLagMs };
  }
  const wanted = recordedBefore + facts.length;
  for (let waits = 0; recordedOfHealthy < wanted && waits < waitsMax; waits++) await pause(10);

  const rows = await engine.database.sql<{ id: string; runId: string }>`
    select d.id, e.run_id as "runId"
    from deliveries d join events e on e.team_id = d.team_id and e.id = d.event_id
    where d.subscription_id = ${healthy}`;
  const deliveryIds = new Map(rows.map(({ id, runId }) => [runId, id]));
  const since = (atMs: Map<string, number>) =>
    facts.map((fact, index) => {
      const id = "runId" in fact ? deliveryIds.get(fact.runId) : undefined;
      const endedMs = id === undefined ? undefined : atMs.get(id);
      if (endedMs === undefined) throw new Error("a fact has no delivery that ended");
      return endedMs - (startedMs + (index * 1_000) / rate);
    });
  const times = { answeredMs: since(answeredAtMs), recordedMs: since(recordedAtMs) };
  return { times, backlog, perSecond, loopLagMs };
}

/** Records facts as they fall due, at a steady rate, until the last one was; `refused`: the intake was full meanwhile. */
async function offer(
  { facts: intake }: Engine,
  facts: readonly Fact[],
  rate: number,
): Promise<{ startedMs: number; refused: () => boolean }> {
  let offered = 0;
  let refused = false;
  const onRefused = () => {
    refused = true;
  };
  const startedMs = performance.now();
  while (offered < facts.length) {
    const due = Math.ceil(((performance.now() - startedMs) / 1_000) * rate);
    for (const fact of facts.slice(offered, due)) {
      intake.record(fact).catch(onRefused);
      offered++;
    }
    await pause(1);
  }
  return { startedMs, refused: () => refused };
}
