import { readdirSync, readFileSync } from "node:fs";
import { request } from "undici";
import { ownConnections } from "../packages/server/src/config.ts";
import type { Campaign } from "./campaign.ts";

/** What might grow without end, at one moment. Memory in MiB, sizes in bytes. */
export type Sample = {
  atMs: number;
  /** By service: resident memory, open files and sockets, and how long /livez takes, which is the event loop's lag. */
  rssMiB: number[];
  files: number[];
  lagMs: number[];
  /** The services' connections in PostgreSQL. */
  connections: number;
  deliveries: number;
  deadRows: number;
  /** deliveries with all its indexes, and the one index that every claim walks. */
  deliveriesBytes: number;
  dueIndexBytes: number;
};

/** One figure early and late, and the most it may be late. */
export type Trend = { name: string; early: number; late: number; most: number; holds: boolean };

const connectionsOfApi = 10;
const connectionsOfService = Object.values(ownConnections).reduce(
  (sum, count) => sum + count,
  connectionsOfApi,
);

/** The bounds of a soak, as `npm run soak -- --help` tells them. */
export const bounds = [
  "resident memory  late ≤ 1.25 × early + 30 MiB",
  "open files       the fewest late ≤ the fewest early + 40",
  "event loop lag   late ≤ 2 × early + 30 ms",
  `connections      never more than ${connectionsOfService} for a service, and 4 more`,
  "dead rows        late ≤ half of all rows + 10,000",
  "bytes a delivery late ≤ 1.5 × early, and 200 more",
  "due index        late ≤ 16 MiB, or a tenth of the table with its indexes",
];

/** Takes a sample of a running campaign. */
export async function takeSample({ services, database, journal }: Campaign): Promise<Sample> {
  const pids = services.map(({ pid }) => pid);
  const lagMs = await Promise.all(services.map(({ url }) => answerMs(`${url}/livez`)));
  const [row] = await database.ask<Omit<Sample, "atMs" | "rssMiB" | "files" | "lagMs">>(
    `select (select count(*)::int from pg_stat_activity
             where application_name like 'postrider%' and datname = current_database()) as connections,
            (select count(*)::int from deliveries) as deliveries,
            (select n_dead_tup::int from pg_stat_user_tables where relname = 'deliveries') as "deadRows",
            pg_total_relation_size('deliveries')::float8 as "deliveriesBytes",
            pg_relation_size('deliveries_due')::float8 as "dueIndexBytes"`,
  );
  if (!row) throw new Error("the database told nothing of itself");
  return {
    atMs: journal.nowMs(),
    rssMiB: pids.map(rssMiBOf),
    files: pids.map((pid) => (pid === undefined ? 0 : readdirSync(`/proc/${pid}/fd`).length)),
    lagMs,
    ...row,
  };
}

function rssMiBOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const kiB = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kiB) / 1_024);
}

async function answerMs(url: string): Promise<number> {
  const startedAtMs = performance.now();
  const { body } = await request(url, { headersTimeout: 30_000 });
  await body.dump();
  return Math.round(performance.now() - startedAtMs);
}

/**
 * Compares the first third of the samples with the last one; the first fifth is warm-up and left out.
 *
 * Throws when there are too few samples to tell.
 */
export function findTrends(all: readonly Sample[]): Trend[] {
  const samples = all.slice(Math.ceil(all.length / 5));
  if (samples.length < 6) throw new Error(`${all.length} samples are too few for a trend`);
  const third = Math.floor(samples.length / 3);
  const early = samples.slice(0, third);
  const late = samples.slice(-third);
  const trend = (
    name: string,
    read: (sample: Sample) => number,
    most: (early: number, last: Sample) => number,
    of: (values: readonly number[]) => number = median,
  ): Trend => {
    const last = samples.at(-1) as Sample;
    const [from, to] = [of(early.map(read)), of(late.map(read))];
    const limit = Math.round(most(from, last));
    return { name, early: from, late: to, most: limit, holds: to <= limit };
  };
  const services = [0, 1].flatMap((service) => [
    trend(
      `resident memory of service ${service} (MiB)`,
      ({ rssMiB }) => rssMiB[service] ?? 0,
      (from) => from * 1.25 + 30,
    ),
    trend(
      `open files of service ${service}`,
      ({ files }) => files[service] ?? 0,
      (from) => from + 40,
      // Sockets to receivers come and go by the hundred with the faults; what leaks is there in the quietest moment, too.
      (values) => Math.min(...values),
    ),
    trend(
      `event loop lag of service ${service} (ms)`,
      ({ lagMs }) => lagMs[service] ?? 0,
      (from) => from * 2 + 30,
    ),
  ]);
  const mostConnections = Math.max(...samples.map(({ connections }) => connections));
  return [
    ...services,
    {
      ...trend(
        "connections in PostgreSQL, at the most",
        ({ connections }) => connections,
        () => 2 * connectionsOfService + 4,
      ),
      late: mostConnections,
      holds: mostConnections <= 2 * connectionsOfService + 4,
    },
    trend(
      "dead rows of deliveries",
      ({ deadRows }) => deadRows,
      (_from, last) => last.deliveries / 2 + 10_000,
    ),
    trend(
      "bytes a delivery, indexes included",
      ({ deliveriesBytes, deliveries }) => Math.round(deliveriesBytes / Math.max(1, deliveries)),
      (from) => from * 1.5 + 200,
    ),
    trend(
      "bytes of the due index",
      ({ dueIndexBytes }) => dueIndexBytes,
      (_from, last) => Math.max(16 * 1024 * 1024, last.deliveriesBytes / 10),
    ),
  ];
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
