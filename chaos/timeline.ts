import type { Arrival, FactEntry, Incident } from "./journal.ts";
import { wasTaken } from "./ledger.ts";

/** What the steady receiver, which never misbehaves, saw of the faults. */
export type Continuity = {
  /** The longest time without an arrival while one was due and a service and the database were up. */
  longestStopMs: number;
  longestStopAtMs: number;
  /** The longest time without an acknowledgement while facts were being reported and a service and the database were up. */
  longestIntakeStopMs: number;
  /** From the acknowledgement of a fact to its arrival. */
  delayMs: { p50: number; p99: number; most: number };
};

export type ContinuityInput = {
  facts: readonly FactEntry[];
  arrivals: readonly Arrival[];
  incidents: readonly Incident[];
  /** The steady receiver's subscription, and the types of its events. */
  steady: { id: string; eventTypes: readonly string[] };
};

type Moment =
  | { atMs: number; kind: "due"; event: string }
  | { atMs: number; kind: "acknowledged" }
  | { atMs: number; kind: "arrival"; event: string }
  | { atMs: number; kind: "part"; part: string; up: boolean };

/** Follows the steady receiver through the round: `database`, `service n` and `line n` are the parts that may be down. */
export function followSteadyReceiver(input: ContinuityInput): Continuity {
  const { steady } = input;
  const moments = momentsOf(input).sort((a, b) => a.atMs - b.atMs);
  const down = new Set<string>();
  const dueSince = new Map<string, number>();
  const arrived = new Set<string>();
  const delays: number[] = [];
  const lastTryMs = input.facts.at(-1)?.atMs ?? 0;
  let stopMs = 0;
  let intakeStopMs = 0;
  let longestIntakeStopMs = 0;
  let beforeMs = input.facts[0]?.atMs ?? 0;
  const longest = { ms: 0, atMs: 0 };
  const works = () =>
    !down.has("database") &&
    [0, 1].some((service) => !down.has(`service ${service}`) && !down.has(`line ${service}`));

  for (const moment of moments) {
    if (dueSince.size > 0 && works()) {
      stopMs += moment.atMs - beforeMs;
      if (stopMs > longest.ms) Object.assign(longest, { ms: stopMs, atMs: moment.atMs - stopMs });
    }
    if (works() && moment.atMs <= lastTryMs) {
      intakeStopMs += Math.max(0, moment.atMs - beforeMs);
      longestIntakeStopMs = Math.max(longestIntakeStopMs, intakeStopMs);
    }
    beforeMs = Math.max(beforeMs, moment.atMs);
    if (moment.kind === "acknowledged") intakeStopMs = 0;
    else if (moment.kind === "part") {
      if (moment.up) down.delete(moment.part);
      else down.add(moment.part);
    } else if (moment.kind === "due") {
      if (!arrived.has(moment.event)) dueSince.set(moment.event, moment.atMs);
      if (arrived.has(moment.event)) delays.push(0);
    } else {
      stopMs = 0;
      const since = dueSince.get(moment.event);
      if (since !== undefined) delays.push(moment.atMs - since);
      dueSince.delete(moment.event);
      arrived.add(moment.event);
    }
    if (dueSince.size === 0) stopMs = 0;
  }
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.floor(share * (delays.length - 1))] ?? 0;
  return {
    longestStopMs: longest.ms,
    longestStopAtMs: longest.atMs,
    longestIntakeStopMs,
    delayMs: { p50: at(0.5), p99: at(0.99), most: at(1) },
  };

  function momentsOf({ facts, arrivals, incidents }: ContinuityInput): Moment[] {
    const eventsOf = new Map<string, readonly string[]>();
    for (const { fact, events } of facts) if (events) eventsOf.set(fact, events);
    const wanted = (event: string) => steady.eventTypes.includes(event.split(":", 1)[0] ?? "");
    return [
      ...facts
        .filter(({ word }) => word === "acknowledged")
        .flatMap(({ atMs, fact }): Moment[] => [
          { atMs, kind: "acknowledged" },
          ...(eventsOf.get(fact) ?? [])
            .filter(wanted)
            .map((event): Moment => ({ atMs, kind: "due", event })),
        ]),
      ...arrivals
        .filter((arrival) => arrival.subscriptionId === steady.id && wasTaken(arrival))
        .map(({ atMs, event }): Moment => ({ atMs, kind: "arrival", event })),
      ...incidents.flatMap(({ atMs, part, up }): Moment[] =>
        part === undefined || up === undefined ? [] : [{ atMs, kind: "part", part, up }],
      ),
    ];
  }
}

/** How long after the end of each fault the service it hit acknowledged something again, by kind of fault. */
export type Recovery = { kind: string; count: number; medianMs: number; mostMs: number };

/** A fault that is over: from when to when, and whom it hit; undefined for both services. */
export type EndedFault = {
  kind: string;
  startedAtMs: number;
  endedAtMs: number;
  service: number | undefined;
};

/** Measures recoveries; those that another fault came into would tell nothing and are left out. */
export function measureRecoveries(
  faults: readonly EndedFault[],
  facts: readonly FactEntry[],
): Recovery[] {
  const acknowledged = facts.filter(({ word }) => word === "acknowledged");
  const byKind = new Map<string, number[]>();
  for (const fault of faults) {
    const { kind, service, startedAtMs, endedAtMs } = fault;
    const next = acknowledged.find(
      (entry) => entry.atMs >= endedAtMs && (service ?? entry.service) === entry.service,
    );
    const disturbed = faults.some(
      (other) =>
        other !== fault &&
        (other.service ?? service) === (service ?? other.service) &&
        other.endedAtMs >= startedAtMs &&
        other.startedAtMs <= (next?.atMs ?? 0),
    );
    if (next && !disturbed) {
      byKind.set(kind, [...(byKind.get(kind) ?? []), next.atMs - endedAtMs]);
    }
  }
  return [...byKind].map(([kind, times]) => {
    times.sort((a, b) => a - b);
    return {
      kind,
      count: times.length,
      medianMs: times[Math.floor((times.length - 1) / 2)] ?? 0,
      mostMs: times.at(-1) ?? 0,
    };
  });
}

const bars = " ▁▂▃▄▅▆▇█";

/** Draws what was acknowledged and what arrived, second by second, with the faults below. */
export function drawTimeline(
  { facts, arrivals, incidents }: Omit<ContinuityInput, "steady">,
  columnsMax = 96,
): string[] {
  const endMs = Math.max(1, ...[...facts.slice(-1), ...arrivals.slice(-1)].map(({ atMs }) => atMs));
  const startMs = Math.min(facts[0]?.atMs ?? 0, arrivals[0]?.atMs ?? 0);
  const columnMs = Math.max(1_000, Math.ceil((endMs - startMs) / columnsMax / 1_000) * 1_000);
  const columns = Math.ceil((endMs - startMs + 1) / columnMs);
  const row = (label: string, times: readonly { atMs: number }[]) => {
    const counts = new Array<number>(columns).fill(0);
    for (const { atMs } of times) {
      const column = Math.floor((atMs - startMs) / columnMs);
      if (column >= 0 && column < columns) counts[column] = (counts[column] ?? 0) + 1;
    }
    const most = Math.max(1, ...counts);
    const bar = counts.map((count) => bars[Math.ceil((count / most) * 8)]).join("");
    return `${label.padEnd(13)}${bar} (at most ${Math.round(most / (columnMs / 1_000))}/s)`;
  };
  const faults = incidents.filter(({ part }) => part === undefined);
  const marks = new Array<string>(columns).fill("·");
  for (const { atMs } of faults) marks[Math.floor((atMs - startMs) / columnMs)] = "×";
  return [
    row(
      "acknowledged",
      facts.filter(({ word }) => word === "acknowledged"),
    ),
    row(
      "unknown",
      facts.filter(({ word }) => word === "unknown"),
    ),
    row("arrived", arrivals.filter(wasTaken)),
    row(
      "refused",
      arrivals.filter((arrival) => !wasTaken(arrival)),
    ),
    `${"faults".padEnd(13)}${marks.join("")}`,
    `${"".padEnd(13)}one column is ${columnMs / 1_000} s`,
  ];
}
