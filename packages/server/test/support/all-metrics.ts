import Fastify from "fastify";
import type { ApiDeps } from "../../src/api/deps.ts";
import { watchRequests } from "../../src/api/watch-requests.ts";
import { type Metrics, openMetrics } from "../../src/metrics.ts";
import { type Counts, type Observed, observe, openCounts } from "../../src/watch/measures.ts";

/** Every metric of the service, as it registers them, over these values. */
export function openAllMetrics(observed: Partial<Observed> = {}): {
  metrics: Metrics;
  counts: Counts;
} {
  const metrics = openMetrics();
  const counts = openCounts(metrics);
  observe(metrics, {
    version: "0.0.0",
    dispatcher: {
      inFlight: 0,
      held: 0,
      progress: () => ({ lookedMs: 0, overrunMs: 0, unwrittenMs: 0, held: 0, steppedMs: 0 }),
    },
    surveys: {
      latest: () => undefined,
      ageMs: () => undefined,
      databaseIsThere: () => true,
      clockOffsetMs: () => undefined,
      close: async () => {},
    },
    watchdog: { stall: () => undefined, start: () => {}, close: () => {} },
    ...observed,
  }).close();
  watchRequests(Fastify(), { metrics } as ApiDeps);
  return { metrics, counts };
}
