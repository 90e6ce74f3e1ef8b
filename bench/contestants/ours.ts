// The service itself, without its API: facts in bulk, state transitions, events, deliveries, attempts.
import { randomBytes } from "node:crypto";
import type { Fact } from "../../packages/server/src/domain/facts.ts";
import { openTracing } from "../../packages/server/src/tracing.ts";
import { openEngine } from "../engine.ts";
import { runsStarted } from "../facts.ts";
import { chunks, inLanes } from "../lanes.ts";
import { compete, hooks } from "./contestant.ts";

const factsAtOnce = 1_000;
const addsAtOnce = 4;

compete(async ({ origin, databaseUrl, concurrency, fanOut, withTraces, collector }) => {
  const tracing = collector
    ? await openTracing({ endpoint: collector, headers: {}, version: "bench" })
    : undefined;
  const engine = await openEngine({ databaseUrl, concurrency, tracing });
  const workflowId = await engine.createWorkflow();
  for (const path of hooks(fanOut)) await engine.subscribe(origin + path);
  let facts: Fact[] = [];

  return {
    prepare(count) {
      facts = runsStarted(workflowId, count);
      if (withTraces) facts = facts.map((fact) => ({ ...fact, trace: newTrace() }));
    },
    async run() {
      const allRecorded = engine.untilRecorded(engine.recorded + facts.length * fanOut);
      // Handled at once, or a failure to add would leave this one unhandled.
      allRecorded.catch(() => {});
      await inLanes(chunks(facts, factsAtOnce), addsAtOnce, async (some) => {
        for (const one of await engine.facts.recordAll(some)) {
          if ("error" in one) throw one.error;
        }
      });
      await allRecorded;
    },
    async countRecorded() {
      const [row] = await engine.database.sql<{ count: number }>`
        select count(*)::int as count
        from attempts a join deliveries d on d.id = a.delivery_id
        where a.status_code = 204 and d.status = 'delivered'`;
      return row?.count ?? 0;
    },
    async close() {
      await engine.close();
      await tracing?.close();
    },
  };
});

const newTrace = (): string =>
  `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
