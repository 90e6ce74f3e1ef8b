import { answerParent } from "../child.ts";
import { ownCpuSeconds } from "../cpu.ts";
import { startProfile } from "../profile.ts";

/** What a contestant is given to work with. */
export type Arena = {
  /** The contestant's own name. */
  contestant: string;
  /** The receiver. */
  origin: string;
  /** An empty database of its own; contestants without a store and those on Redis leave it alone. */
  databaseUrl: string;
  redisPort: number;
  /** Every fact has a trace. */
  withTraces: boolean;
  /** Where spans go, for who traces. */
  collector: string | undefined;
  /** POSTs in flight at once. */
  concurrency: number;
  /** Deliveries that each fact becomes. */
  fanOut: number;
};

/** One way to deliver webhooks: it adds facts in bulk and delivers them. */
export type Contestant = {
  /** Makes facts ready to be added, outside the measured time. */
  prepare(count: number): void;
  /** Adds what was prepared and delivers it; resolves when the last result is recorded. */
  run(): Promise<void>;
  /** Counts the results its store holds; for those without a store, what it has counted. */
  countRecorded(): Promise<number>;
  close(): Promise<void>;
};

/** How long a run took, and the CPU of the contestant's own process. */
export type Lap = { seconds: number; cpuSeconds: number };

/** Serves a contestant to the benchmark that started this process. */
export function compete(open: (arena: Arena) => Promise<Contestant>): void {
  let contestant: Contestant | undefined;
  const opened = () => {
    if (!contestant) throw new Error("the contestant is not open yet");
    return contestant;
  };
  answerParent(
    {
      async open(arena: Arena) {
        contestant = await open(arena);
      },
      async prepare(count: number) {
        opened().prepare(count);
      },
      /** Runs it; writes a CPU profile of the run to `profileTo` if that is given. */
      async run({ profileTo }: { profileTo?: string | undefined } = {}): Promise<Lap> {
        const stopProfile = profileTo === undefined ? undefined : await startProfile(profileTo);
        const cpuBefore = ownCpuSeconds();
        const startedMs = performance.now();
        await opened().run();
        const seconds = (performance.now() - startedMs) / 1_000;
        const cpuSeconds = ownCpuSeconds() - cpuBefore;
        await stopProfile?.();
        return { seconds, cpuSeconds };
      },
      countRecorded: () => opened().countRecorded(),
    },
    async () => contestant?.close(),
  );
}

/** The paths of the receiver that stand for the subscriptions: one for each. */
export const hooks = (fanOut: number): string[] =>
  Array.from({ length: fanOut }, (_, index) => `/hook/${index}`);
