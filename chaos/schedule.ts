import { openRandom, type Random } from "./random.ts";

/** One thing that goes wrong. `service` counts from 0; what takes time names its milliseconds. */
export type Fault =
  /** kill -9; its supervisor starts it again. */
  | { kind: "kill"; service: number }
  /** SIGSTOP, and SIGCONT after a while: the process does not know that it was away. */
  | { kind: "freeze"; service: number; forMs: number }
  /** SIGTERM, as a deployment sends it. */
  | { kind: "stop"; service: number }
  /** PostgreSQL stops at once (`pg_ctl restart -m immediate`) and recovers from its log. */
  | { kind: "crash_database" }
  /** pg_terminate_backend for some of the services' connections. */
  | { kind: "end_backends"; count: number }
  /** Every byte between a service and the database takes this much longer. */
  | { kind: "latency"; service: number; forMs: number; byMs: number }
  /** No byte passes, and all pass later. */
  | { kind: "blackhole"; service: number; forMs: number }
  /** All connections are reset. */
  | { kind: "reset"; service: number }
  /** The database forgets all connections; the service is not told. */
  | { kind: "half_open"; service: number }
  /** The coming commits happen, but their answers do not come back. */
  | { kind: "cut_commits"; service: number; count: number };

export type FaultKind = Fault["kind"];

/** A fault and when it happens, in milliseconds from the beginning. */
export type PlannedFault = Fault & { atMs: number };

/** How a receiver takes requests. `well`: 204 at once. */
export const moods = [
  "well",
  /** Nobody listens on its port. */
  "refuse",
  /** The connection is reset before the request is read. */
  "reset_early",
  /** The connection is reset when the request has been read. */
  "reset_late",
  /** No answer ever comes. */
  "hang",
  /** 500. */
  "error",
  /** 204 a moment before the timeout, or after it. */
  "late",
  /** 429 with Retry-After: 1. */
  "busy",
] as const;
export type Mood = (typeof moods)[number];

/** A receiver's mood from then on. */
export type MoodChange = { atMs: number; mood: Mood };

export type Plan = {
  faults: PlannedFault[];
  /** By receiver's name. */
  moods: Map<string, MoodChange[]>;
};

export const allFaultKinds: readonly FaultKind[] = [
  ...(["kill", "cut_commits", "crash_database", "freeze", "half_open"] as const),
  ...(["reset", "end_backends", "blackhole", "stop", "latency"] as const),
];

const services = 2;
/** A service that is frozen for longer than this loses its leases (timeout 1 s, 1 s for the body, 15 s). */
const leaseMs = 17_000;

/** Plans what goes wrong when, for so many seconds; the same seed gives the same plan. */
export function planFaults(options: {
  seed: number;
  seconds: number;
  kinds: readonly FaultKind[];
  receivers: readonly string[];
}): Plan {
  const { seed, seconds, kinds } = options;
  const endMs = seconds * 1_000;
  const random = openRandom(seed, "faults");
  const meanGapMs = Math.min(3_000, Math.max(900, endMs / 14));
  const faults: PlannedFault[] = [];
  let deck: FaultKind[] = [];
  for (let atMs = meanGapMs; atMs < endMs; atMs += meanGapMs * random.between(0.5, 1.5)) {
    // A deck, so that no seed leaves a kind out for long.
    if (deck.length === 0) deck = random.shuffle(kinds);
    const kind = deck.pop();
    if (kind === undefined) break;
    faults.push({ atMs: Math.round(atMs), ...faultOf(kind, random, seconds) });
  }
  const plans = options.receivers.map(
    (name) => [name, planMoods(openRandom(seed, `moods of ${name}`), endMs)] as const,
  );
  return { faults, moods: new Map(plans) };
}

function faultOf(kind: FaultKind, random: Random, seconds: number): Fault {
  const service = random.whole(0, services - 1);
  const forMs = Math.round(random.between(0.02, 0.08) * Math.min(100, seconds + 20) * 1_000);
  switch (kind) {
    case "crash_database":
      return { kind };
    case "end_backends":
      return { kind, count: random.whole(1, 8) };
    case "cut_commits":
      return { kind, service, count: random.whole(1, 6) };
    case "latency":
      return { kind, service, forMs, byMs: random.whole(10, 150) };
    case "freeze": {
      // In a long run, now and then, until its leases are others'.
      const long = seconds >= 60 && random.chance(0.4);
      return { kind, service, forMs: long ? leaseMs + random.whole(500, 6_000) : forMs };
    }
    case "blackhole":
      return { kind, service, forMs };
    default:
      return { kind, service };
  }
}

function planMoods(random: Random, endMs: number): MoodChange[] {
  const changes: MoodChange[] = [];
  for (let atMs = random.between(500, 3_000); atMs < endMs; ) {
    const mood = random.pick(moods.slice(1));
    changes.push({ atMs: Math.round(atMs), mood });
    atMs += random.between(700, 4_000);
    changes.push({ atMs: Math.round(Math.min(atMs, endMs)), mood: "well" });
    atMs += random.between(1_000, 5_000);
  }
  return changes;
}

/** Tells a fault in a few words. */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault as Fault & Record<string, unknown>;
  const details = Object.entries(rest)
    .filter(([name]) => name !== "atMs")
    .map(([name, value]) =>
      name === "service"
        ? `service ${value}`
        : name === "count"
          ? `× ${value}`
          : `${name === "byMs" ? "by" : "for"} ${value} ms`,
    );
  return [kind.replaceAll("_", " "), ...details].join(" ");
}
