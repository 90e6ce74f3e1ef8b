// npm run bench -- latency [--rates 500,4000] [--seconds 20] [--silent] [--rounds 3] [--json]
//
// How long a fact takes at a steady rate: from when it was due until its webhook was answered, and until that was
// recorded. An open loop: facts come when they are due, whether or not earlier ones are through, and the time counts
// from when a fact was due, so a stall shows in every fact it delayed. Measured in the service's own process, without
// HTTP in front (which `ingest` measures): one process, one fact a call, one subscription, a receiver that answers at
// once. The clock that says when a fact is due ticks every millisecond in that same process. Where the rate is not held
// the backlog is reported, and no percentile: it would only tell how long the measurement was. With --silent, a receiver
// that never answers gets every fact too, and the times are those of the other one.
import { median, quantile, table, verdict } from "./chart.ts";
import { openChild } from "./child.ts";
import type { Drive, Driven } from "./latency-engine.ts";
import { readOptions, usageError } from "./options.ts";
import { openReport } from "./report.ts";
import { openSilentReceiver } from "./silent-receiver.ts";
import { openSink } from "./sink.ts";
import { inWorld, openPostgres } from "./world.ts";

/** What must hold at 500 facts a second: accepted until answered, 99 of 100. */
const target = { rate: 500, milliseconds: 15 };

type Spread = { p50: number; p99: number };
type Figures = { rate: number; backlog: number; loopLagMs: Driven["loopLagMs"] } & (
  | { held: true; answered: Spread; recorded: Spread }
  | { held: false; perSecond: number }
);

const options = readOptions({
  name: "latency",
  purpose: "from a fact's acceptance to the webhook's answer and to its record, at a given rate",
  options: {
    rates: { describes: "facts a second", default: "500,4000" },
    seconds: { describes: "how long at each rate", default: "20" },
    silent: { describes: "a receiver that never answers gets every fact too", flag: true },
  },
});
const rates = options.text("rates").split(",").map(Number);
if (!rates.every((rate) => rate >= 1 && rate <= 100_000)) {
  usageError("latency", "--rates is a list of numbers from 1 to 100000.");
}
const seconds = options.count("seconds");
const report = openReport("latency", options);

await inWorld(async (world) => {
  report.say("starting PostgreSQL and a receiver …");
  const postgres = await openPostgres(world);
  const sink = await openSink(world, report.say);
  const silentUrl = options.flag("silent") ? (await openSilentReceiver(world)).url : undefined;
  const rounds: Figures[][] = [];
  for (let number = 1; number <= options.rounds; number++) {
    const round: Figures[] = [];
    for (const rate of rates) {
      const database = `latency_${rate}_${number}`;
      const databaseUrl = await postgres.newDatabase(database);
      const engine = openChild("./latency-engine.ts");
      const owned = world.own({ close: () => engine.close() });
      try {
        const drive: Drive = { databaseUrl, origin: sink.origin, rate, seconds, silentUrl };
        const figures = judge(rate, await engine.ask<Driven>("drive", drive));
        round.push(figures);
        report.say(`round ${number}, ${rate}/s: ${tell(figures)}`);
      } finally {
        await owned.close();
        await postgres.dropDatabase(database);
      }
    }
    rounds.push(round);
  }
  const results = rates.map((rate) => summarise(rate, rounds.flat()));
  print(results);
  report.finish({
    seconds,
    way: "in-process engine",
    receiver: sink.kind,
    target,
    rounds,
    results,
  });
});

function judge(rate: number, { backlog, perSecond, times, loopLagMs }: Driven): Figures {
  if (!times) return { rate, backlog, loopLagMs, held: false, perSecond };
  const spread = (values: readonly number[]) => ({
    p50: quantile(values, 0.5),
    p99: quantile(values, 0.99),
  });
  const { answeredMs, recordedMs } = times;
  return {
    rate,
    backlog,
    loopLagMs,
    held: true,
    answered: spread(answeredMs),
    recorded: spread(recordedMs),
  };
}

function tell(figures: Figures): string {
  if (!figures.held) {
    return (
      `not held: ${Math.round(figures.perSecond)}/s were recorded, ` +
      `${figures.backlog} were on their way at the end`
    );
  }
  const { answered, recorded, loopLagMs } = figures;
  return (
    `answered p50 ${answered.p50.toFixed(1)} ms, p99 ${answered.p99.toFixed(1)} ms; ` +
    `recorded p50 ${recorded.p50.toFixed(1)} ms, p99 ${recorded.p99.toFixed(1)} ms; ` +
    `loop p50 ${loopLagMs.p50.toFixed(1)} ms, p99 ${loopLagMs.p99.toFixed(1)} ms, max ${loopLagMs.max.toFixed(0)} ms`
  );
}

type Summary = {
  rate: number;
  heldIn: number;
  of: number;
  answered?: Spread;
  recorded?: Spread;
  /** Whether the target of this rate is met; absent where there is none. */
  met?: boolean;
};

function summarise(rate: number, all: readonly Figures[]): Summary {
  const here = all.filter((figures) => figures.rate === rate);
  const held = here.flatMap((figures) => (figures.held ? [figures] : []));
  // A median of the rounds that went well would hide those that did not.
  if (held.length < here.length) {
    const missed = rate === target.rate ? { met: false } : {};
    return { rate, heldIn: held.length, of: here.length, ...missed };
  }
  const middle = (of: (figures: (typeof held)[number]) => number) => median(held.map(of));
  const p99 = middle(({ answered }) => answered.p99);
  return {
    rate,
    heldIn: held.length,
    of: here.length,
    answered: { p50: middle(({ answered }) => answered.p50), p99 },
    recorded: {
      p50: middle(({ recorded }) => recorded.p50),
      p99: middle(({ recorded }) => recorded.p99),
    },
    ...(rate === target.rate && { met: p99 <= target.milliseconds }),
  };
}

function print(results: readonly Summary[]): void {
  const ms = (value: number | undefined) => (value === undefined ? "–" : `${value.toFixed(1)} ms`);
  const rows = results.map((result) => [
    `${result.rate}/s`,
    ms(result.answered?.p50),
    ms(result.answered?.p99),
    ms(result.recorded?.p50),
    ms(result.recorded?.p99),
    `${result.heldIn} of ${result.of}`,
    result.met === undefined ? "" : `p99 ≤ ${target.milliseconds} ms: ${verdict(result.met)}`,
  ]);
  report.say();
  report.say("From when a fact was due, medians of the rounds (none where a round was not held)");
  const head = ["rate", "answered p50", "p99", "recorded p50", "p99", "rounds held", ""];
  for (const line of table(head, rows)) report.say(line);
  report.say();
}
