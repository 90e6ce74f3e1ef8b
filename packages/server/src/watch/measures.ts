import type { PoolCounts, PoolWatch } from "../db/pool-watch.ts";
import type { StandbyOutcome } from "../db/standby-reads.ts";
import type { DispatchProgress } from "../domain/dispatch-progress.ts";
import type { Survey } from "../domain/survey.ts";
import type { OnEnded, Tally } from "../domain/tally.ts";
import type { Metrics, Reading } from "../metrics.ts";
import type { Surveys } from "./survey.ts";
import type { Watchdog } from "./watchdog.ts";

/** The counters and histograms of the service. */
export type Counts = {
  tally: Tally;
  ended: OnEnded;
  poolWatch: PoolWatch;
  leaseLost(): void;
  unwanted(events: number): void;
  replayed(deliveries: number): void;
  listRead(outcome: StandbyOutcome): void;
};

const waitBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const attemptBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];
const latencyBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800,
];

/** Makes the counters and histograms. docs/metrics.md has a row for each; a test compares. */
export function openCounts(metrics: Metrics): Counts {
  const deliveries = metrics.counter({
    name: "postrider_deliveries_total",
    help: "Deliveries that ended: delivered, or failed for any reason.",
    labels: ["contract", "outcome", "error_code"],
  });
  const durations = metrics.histogram({
    name: "postrider_attempt_duration_seconds",
    help: "Time from the start of an attempt to its answer, its error or its time limit.",
    labels: ["contract", "outcome"],
    buckets: attemptBuckets,
  });
  const firstAttempts = metrics.histogram({
    name: "postrider_first_attempt_latency_seconds",
    help: "Time from the creation of a delivery to the start of its first attempt.",
    labels: ["contract"],
    buckets: latencyBuckets,
  });
  const claims = metrics.counter({
    name: "postrider_claims_total",
    help: "Claims of due deliveries that the database answered.",
  });
  const claimed = metrics.counter({
    name: "postrider_claimed_deliveries_total",
    help: "Deliveries that were leased by claims.",
  });
  const leasesLost = metrics.counter({
    name: "postrider_leases_lost_total",
    help: "Results that came after the lease of their delivery had ended.",
  });
  const unwanted = metrics.counter({
    name: "postrider_events_unwanted_total",
    help: "Events that no enabled subscription wanted; they are not stored.",
  });
  const replayed = metrics.counter({
    name: "postrider_replayed_deliveries_total",
    help: "Deliveries that replays made due again.",
  });
  const listReads = metrics.counter({
    name: "postrider_list_reads_total",
    help: "Reads of lists and counts that a standby could answer, by outcome.",
    labels: ["outcome"],
  });
  return {
    tally: {
      claimed(count) {
        claims.add();
        claimed.add(count);
      },
      gaveUp: ({ contract, errorCode }) => deliveries.add(1, [contract, "failed", errorCode]),
      firstAttempt: (contract, waitedMs) => firstAttempts.observe(waitedMs / 1_000, [contract]),
      attempted({ contract, outcome, errorCode, latencyMs, moved }) {
        durations.observe(latencyMs / 1_000, [contract, outcome]);
        if (moved && outcome !== "retry") deliveries.add(1, [contract, outcome, errorCode ?? ""]);
      },
    },
    ended({ contract, errorCode, count }) {
      if (count > 0) deliveries.add(count, [contract, "failed", errorCode]);
    },
    poolWatch: watchPools(metrics),
    leaseLost: () => leasesLost.add(),
    unwanted: (events) => unwanted.add(events),
    replayed: (count) => replayed.add(count),
    listRead: (outcome) => listReads.add(1, [outcome]),
  };
}

function watchPools(metrics: Metrics): PoolWatch {
  const pools = new Map<string, PoolCounts>();
  const ofEach = (read: (pool: string, counts: PoolCounts) => Reading[]) => () =>
    [...pools].flatMap(([pool, counts]) => read(pool, counts));
  metrics.gauge({
    name: "postrider_database_connections",
    help: "Connections to PostgreSQL, by pool and by whether they are in use.",
    labels: ["pool", "state"],
    read: ofEach((pool, { totalCount, idleCount }) => [
      { labels: [pool, "busy"], value: totalCount - idleCount },
      { labels: [pool, "idle"], value: idleCount },
    ]),
  });
  metrics.gauge({
    name: "postrider_database_connection_waiters",
    help: "Callers that wait for a connection now, by pool.",
    labels: ["pool"],
    read: ofEach((pool, { waitingCount }) => [{ labels: [pool], value: waitingCount }]),
  });
  const waits = metrics.histogram({
    name: "postrider_database_connection_wait_seconds",
    help: "How long callers waited for a connection when none was free, by pool.",
    labels: ["pool"],
    buckets: waitBuckets,
  });
  return {
    opened: (name, counts) => void pools.set(name, counts),
    waited: (name, ms) => waits.observe(ms / 1_000, [name]),
  };
}

/** The sources of values that are read when the metrics are printed; none waits for the database. */
export type Observed = {
  version: string;
  dispatcher: { readonly inFlight: number; readonly held: number; progress(): DispatchProgress };
  surveys: Surveys;
  watchdog: Watchdog;
};

/** Makes the gauges of this process and of the service as a whole, until it is closed. docs/metrics.md has a row for each. */
export function observe(metrics: Metrics, observed: Observed): { close(): void } {
  const { version, dispatcher, surveys, watchdog } = observed;
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    metrics.gauge({ name, help, read });
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1_000);

  metrics.gauge({
    name: "postrider_build_info",
    help: "The running version; the value is always 1.",
    labels: ["version"],
    read: () => [{ labels: [version], value: 1 }],
  });
  gauge(
    "postrider_attempts_in_flight",
    "Attempts in flight in this process.",
    () => dispatcher.inFlight,
  );
  gauge(
    "postrider_deliveries_held",
    "Deliveries leased to this process, including those in flight.",
    () => dispatcher.held,
  );
  gauge(
    "postrider_dispatcher_stalled",
    "1 while the dispatcher of this process is stalled although the process lives; /readyz says why.",
    () => (watchdog.stall() === undefined ? 0 : 1),
  );
  gauge(
    "postrider_dispatcher_look_age_seconds",
    "Time since this process last looked for due deliveries and claimed them.",
    () => seconds(dispatcher.progress().lookedMs),
  );
  gauge(
    "postrider_rollup_lag_seconds",
    "How far the counts and the history lag behind: how long the oldest result has waited to be written.",
    () => seconds(dispatcher.progress().unwrittenMs),
  );
  gauge("postrider_database_up", "1 while the database answers this process.", () =>
    surveys.databaseIsThere() ? 1 : 0,
  );
  gauge(
    "postrider_database_clock_offset_seconds",
    "How far the database's clock is ahead of this machine's clock.",
    () => seconds(surveys.clockOffsetMs()),
  );
  gauge(
    "postrider_survey_age_seconds",
    "Age of the survey in this process: backlog, endpoints, upkeep. After 60 s their metrics are left out.",
    () => seconds(surveys.ageMs()),
  );
  observeSurvey(metrics, surveys);
  return observeProcess(metrics);
}

/** Gauges that are the same in every process. A member that another version did not write has no value. */
function observeSurvey(metrics: Metrics, surveys: Surveys): void {
  const read =
    <T>(choose: (survey: Partial<Survey>) => T | undefined) =>
    (): T | undefined => {
      const survey = surveys.latest();
      return survey && choose(survey);
    };
  const byName = (counts: Readonly<Record<string, number>> | undefined): Reading[] =>
    Object.entries(counts ?? {}).map(([name, value]) => ({ labels: [name], value }));

  metrics.gauge({
    name: "postrider_oldest_due_delivery_age_seconds",
    help: "How long the oldest delivery that waits for Postrider, not for its receiver, has been due.",
    read: read(({ oldestDueMs }) => oldestDueMs && oldestDueMs / 1_000),
  });
  metrics.gauge({
    name: "postrider_backlog",
    help: "Deliveries that are due and not leased, by the standing of their receivers.",
    labels: ["standing"],
    read: read(({ backlog }) => byName(backlog)),
  });
  metrics.gauge({
    name: "postrider_endpoints",
    help: "Endpoints by the state of their health.",
    labels: ["state"],
    read: read(({ endpoints }) => byName(endpoints)),
  });
  metrics.gauge({
    name: "postrider_breakers",
    help: "Endpoints by the state of their circuit breaker.",
    labels: ["state"],
    read: read(({ breakers }) => byName(breakers)),
  });
  metrics.gauge({
    name: "postrider_endpoint_failing_seconds",
    help: "How long an endpoint has failed; only the 20 endpoints that have failed for longest.",
    labels: ["contract", "endpoint"],
    read: read(({ failing = [] }) =>
      failing.map(({ id, contract, failingMs }) => ({
        labels: [contract, id],
        value: failingMs / 1_000,
      })),
    ),
  });
  metrics.gauge({
    name: "postrider_replays",
    help: "Replays that have not ended.",
    labels: ["state"],
    read: read(({ replays }) => byName(replays)),
  });
  metrics.gauge({
    name: "postrider_partitions_ahead",
    help: "Whole days after today that have a partition in the tables of events and attempts.",
    read: read(({ partitionsAhead }) => partitionsAhead),
  });
  metrics.gauge({
    name: "postrider_retention_lag_seconds",
    help: "How far the oldest day of events and attempts is past its retention.",
    read: read(({ retentionLagDays = 0 }) => retentionLagDays * 86_400),
  });
}

const lagEveryMs = 100;
const lagBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Gauges of the process itself, under their usual Prometheus names. */
function observeProcess(metrics: Metrics): { close(): void } {
  metrics.gauge({
    name: "process_start_time_seconds",
    help: "When the process started, in seconds since 1970.",
    read: () => performance.timeOrigin / 1_000,
  });
  metrics.counter({
    name: "process_cpu_seconds_total",
    help: "Processor time that the process has used.",
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  });
  metrics.gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process.",
    read: () => process.memoryUsage.rss(),
  });
  const lag = metrics.histogram({
    name: "postrider_event_loop_lag_seconds",
    help: "How late a timer of 100 ms is: how long other work waits for the event loop.",
    buckets: lagBuckets,
  });
  let dueAtMs = performance.now() + lagEveryMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lag.observe(Math.max(0, nowMs - dueAtMs) / 1_000);
    dueAtMs = nowMs + lagEveryMs;
  }, lagEveryMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
