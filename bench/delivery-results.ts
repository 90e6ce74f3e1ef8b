import { bars, median, table, verdict } from "./chart.ts";
import type { Name, Round } from "./delivery-field.ts";

/** Figures of one contestant at one fan-out: of each round, and their medians. */
export type Standing = {
  contestant: Name;
  fanOut: number;
  perSecond: number[];
  nodeMicroseconds: number[];
  storeMicroseconds: number[];
};

/** Ours ÷ another, round by round. */
export type Ratio = {
  to: Name;
  fanOut: number;
  rounds: number[];
  median: number;
  target?: number;
  met?: boolean;
};

/** CPU of ours against its limit. */
export type Limit = { what: string; fanOut: number; median: number; limit: number; met: boolean };

export type Results = { standings: Standing[]; ratios: Ratio[]; limits: Limit[] };

/** What ours ÷ another must reach, by fan-out. */
const ratioTargets: Partial<Record<Name, (fanOut: number) => number>> = {
  ceiling: (fanOut) => (fanOut < 5 ? 0.55 : 0.65),
  bullmq: () => 3,
  "graphile-worker": () => 4,
  "pg-boss": () => 2.5,
};
const microsecondsMax = { node: 45, PostgreSQL: 25 };

/** Puts the rounds together. Ratios are taken within a round, where both met the same machine. */
export function summarise(rounds: readonly Round[]): Results {
  const fanOuts = [...new Set(rounds.map(({ fanOut }) => fanOut))];
  const contestants = [...new Set(rounds.map(({ contestant }) => contestant))];
  const finished = (contestant: Name, fanOut: number) =>
    rounds.filter(
      (round) => round.contestant === contestant && round.fanOut === fanOut && !("failed" in round),
    ) as Exclude<Round, { failed: string }>[];

  const standings = fanOuts.flatMap((fanOut) =>
    contestants.flatMap((contestant): Standing[] => {
      const own = finished(contestant, fanOut);
      if (own.length === 0) return [];
      return [
        {
          contestant,
          fanOut,
          perSecond: own.map(({ perSecond }) => perSecond),
          nodeMicroseconds: own.map(({ nodeMicroseconds }) => nodeMicroseconds),
          storeMicroseconds: own.map(({ storeMicroseconds }) => storeMicroseconds),
        },
      ];
    }),
  );
  const ratios = fanOuts.flatMap((fanOut) =>
    contestants.flatMap((to): Ratio[] => {
      if (to === "ours") return [];
      const others = finished(to, fanOut);
      const each = finished("ours", fanOut).flatMap(({ number, perSecond }) => {
        const other = others.find((round) => round.number === number);
        return other ? [perSecond / other.perSecond] : [];
      });
      if (each.length === 0) return [];
      const target = ratioTargets[to]?.(fanOut);
      const middle = median(each);
      const judged = target === undefined ? {} : { target, met: middle >= target };
      return [{ to, fanOut, rounds: each, median: middle, ...judged }];
    }),
  );
  const limits = standings
    .filter(({ contestant }) => contestant === "ours")
    .flatMap(({ fanOut, nodeMicroseconds, storeMicroseconds }): Limit[] => [
      limitOf("node", fanOut, nodeMicroseconds, microsecondsMax.node),
      limitOf("PostgreSQL", fanOut, storeMicroseconds, microsecondsMax.PostgreSQL),
    ]);
  return { standings, ratios, limits };
}

function limitOf(what: string, fanOut: number, values: readonly number[], limit: number): Limit {
  const middle = median(values);
  return { what, fanOut, median: middle, limit, met: middle <= limit };
}

/** Prints tables and bars, one block a fan-out. */
export function printResults(results: Results, say: (line?: string) => void): void {
  for (const fanOut of new Set(results.standings.map((standing) => standing.fanOut))) {
    const here = <T extends { fanOut: number }>(rows: readonly T[]) =>
      rows.filter((row) => row.fanOut === fanOut);
    const standings = here(results.standings);
    say();
    say(`Fan-out ${fanOut}: deliveries a second, the median of each contestant`);
    const lines = standings.map(({ contestant, perSecond }) => ({
      label: contestant,
      value: median(perSecond),
      text: Math.round(median(perSecond)).toLocaleString("en"),
    }));
    for (const line of bars(lines)) say(line);
    say();
    const rows = standings.map(({ contestant, perSecond, nodeMicroseconds, storeMicroseconds }) => [
      contestant,
      median(nodeMicroseconds).toFixed(1),
      median(storeMicroseconds).toFixed(1),
      perSecond.map(Math.round).join(" "),
    ]);
    for (const line of table(["", "µs node", "µs store", "each round"], rows)) say(line);
    const judged = [
      ...here(results.ratios).map(({ to, rounds, median: middle, target, met }) => [
        `ours ÷ ${to}`,
        middle.toFixed(2),
        target === undefined ? "" : `≥ ${target}`,
        met === undefined ? "" : verdict(met),
        rounds.map((ratio) => ratio.toFixed(2)).join(" "),
      ]),
      ...here(results.limits).map(({ what, median: middle, limit, met }) => [
        `µs of ${what} a delivery`,
        middle.toFixed(1),
        `≤ ${limit}`,
        verdict(met),
        "",
      ]),
    ];
    if (judged.length === 0) continue;
    say();
    for (const line of table(["", "median", "target", "", "each round"], judged)) say(line);
  }
  say();
}
