import { openChild } from "./child.ts";
import { openCollector } from "./collector.ts";
import type { Arena, Lap } from "./contestants/contestant.ts";
import { cpuSecondsOfTree } from "./cpu.ts";
import { installPeers } from "./peers.ts";
import { openRedis, type Redis } from "./redis.ts";
import { openSink } from "./sink.ts";
import {
  countStatements,
  dearestStatements,
  type StatementCost,
  statementSettings,
} from "./statements.ts";
import { openPostgres, type World } from "./world.ts";

/** Who can take part, what they store in, and how many times faster ours must be. */
export const contestants = {
  ceiling: { store: "none", peer: false },
  ours: { store: "postgres", peer: false },
  /** The same with a trace in every fact, which its deliveries pass on; and then with spans for a collector. */
  unexported: { store: "postgres", peer: false },
  traced: { store: "postgres", peer: false },
  bullmq: { store: "redis", peer: true },
  "graphile-worker": { store: "postgres", peer: true },
  "graphile-worker-0.17": { store: "postgres", peer: true },
  "pg-boss": { store: "postgres", peer: true },
} as const;

export type Name = keyof typeof contestants;
export const names = Object.keys(contestants) as Name[];
/** Those who take part only when they are named. */
export const withTraces: readonly Name[] = ["unexported", "traced"];
export const isOurs = (name: Name): boolean => name === "ours" || withTraces.includes(name);

/** What one contestant did in one round, or why it did not finish. */
export type Round = { contestant: Name; number: number; fanOut: number; deliveries: number } & (
  | {
      seconds: number;
      perSecond: number;
      /** CPU for each delivery: the contestant's own process, and its store. */
      nodeMicroseconds: number;
      storeMicroseconds: number;
      /** Ours, when they were asked for. */
      statements?: StatementCost[];
    }
  | { failed: string }
);

export type Play = {
  number: number;
  facts: number;
  fanOut: number;
  /** Where to write a CPU profile of the measured run. */
  profileTo: string | undefined;
};

/** The place where contestants meet: one PostgreSQL, one Redis, one receiver. */
export type Field = {
  /** Those who can. */
  taking: readonly Name[];
  /** Why the others cannot, a line each. */
  absent: string[];
  about: object;
  play(name: Name, play: Play): Promise<Round>;
};

const concurrency = 256;
const warmUpFacts = 10_000;
const roundMsMax = 15 * 60_000;

/** Starts what the contestants need and installs the peers; who lacks something is left out. */
export async function openField(
  world: World,
  wanted: readonly Name[],
  say: (line: string) => void,
  withStatements = false,
): Promise<Field> {
  const absent: string[] = [];
  let taking = wanted;
  const leaveOut = (rule: (name: Name) => boolean, why: string) => {
    absent.push(...taking.filter(rule).map((name) => `${name}: ${why}`));
    taking = taking.filter((name) => !rule(name));
  };
  if (taking.some((name) => contestants[name].peer)) {
    const problem = await installPeers(say);
    if (problem) leaveOut((name) => contestants[name].peer, problem);
  }
  let redis: Redis | undefined;
  if (taking.some((name) => contestants[name].store === "redis")) {
    redis = await openRedis(world);
    if (!redis) {
      const why = "there is no redis-server (Debian: apt-get install redis-server)";
      leaveOut((name) => contestants[name].store === "redis", why);
    }
  }
  const postgres = await openPostgres(world, withStatements ? statementSettings : {});
  const sink = await openSink(world, say);
  const collector = taking.includes("traced") ? await openCollector(world) : undefined;

  async function play(name: Name, { number, facts, fanOut, profileTo }: Play): Promise<Round> {
    const { store } = contestants[name];
    const database = `${name}_${number}_${fanOut}`.replace(/\W/g, "_");
    const deliveries = facts * fanOut;
    const round = { contestant: name, number, fanOut, deliveries };
    const databaseUrl = await postgres.newDatabase(database, { migrated: isOurs(name) });
    await redis?.empty();
    const child = openChild(
      `./contestants/${isOurs(name) ? "ours" : name.replace(/-0\.17$/, "")}.ts`,
    );
    const closing = world.own({ close: () => child.close() });
    const storeCpu = () => {
      if (store === "redis") return redis ? cpuSecondsOfTree(redis.pid) : 0;
      return store === "postgres" ? cpuSecondsOfTree(postgres.pid) : 0;
    };
    try {
      const arena: Arena = {
        contestant: name,
        origin: sink.origin,
        databaseUrl,
        redisPort: redis?.port ?? 0,
        withTraces: withTraces.includes(name),
        collector: name === "traced" ? collector?.origin : undefined,
        concurrency,
        fanOut,
      };
      await child.ask("open", arena);
      const warmUp = Math.ceil(warmUpFacts / fanOut);
      await child.ask("prepare", warmUp);
      await inTime(child.ask("run"));
      await child.ask("prepare", facts);

      const counted = withStatements && name === "ours";
      if (counted) await countStatements(databaseUrl);
      const countBefore = await sink.count();
      const cpuBefore = storeCpu();
      const lap = await inTime(child.ask<Lap>("run", { profileTo }));
      const storeSeconds = storeCpu() - cpuBefore;
      const received = (await sink.count()) - countBefore;
      const recorded = (await child.ask<number>("countRecorded")) - warmUp * fanOut;
      if (received !== deliveries || recorded !== deliveries) {
        const failed = `incomplete: ${deliveries} added, ${received} received, ${recorded} recorded`;
        return { ...round, failed };
      }
      const statements = counted ? await dearestStatements(databaseUrl) : undefined;
      await closing.close();
      return {
        ...round,
        ...(statements ? { statements } : {}),
        seconds: lap.seconds,
        perSecond: deliveries / lap.seconds,
        nodeMicroseconds: (lap.cpuSeconds / deliveries) * 1e6,
        storeMicroseconds: (storeSeconds / deliveries) * 1e6,
      };
    } catch (error) {
      return { ...round, failed: (error as Error).message };
    } finally {
      await closing.close();
      await postgres.dropDatabase(database);
    }
  }

  return {
    taking,
    absent,
    about: { receiver: sink.kind, postgres: postgres.version, redis: redis?.version, concurrency },
    play,
  };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    const error = new Error(`not finished within ${roundMsMax / 60_000} minutes`);
    timer = setTimeout(() => reject(error), roundMsMax);
  });
  return await Promise.race([work, tooLong]).finally(() => clearTimeout(timer));
}
