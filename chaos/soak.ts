// npm run soak -- --minutes N [--seed N] [--rate 60] [--round 120] [--keep] [--json] [--help]
//
// The ledger test for hours, with two services that are never ended: what they hold on to shows. Rounds of faults, each
// healed, drained and judged, with samples of memory, files, connections, tables and lag all along. Exit code 1 when a
// ledger is wrong or a trend goes beyond its bound.
import { parseArgs } from "node:util";
import { closeOnSignal, keepEvidence, openCampaign } from "./campaign.ts";
import { bounds, findTrends, type Sample, takeSample } from "./leaks.ts";
import type { Violation } from "./ledger.ts";
import { wholeNumber } from "./options.ts";
import type { FaultKind } from "./schedule.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    rate: { type: "string", default: "60" },
    round: { type: "string", default: "120" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`usage: npm run soak -- [options]
  --minutes <n>  how long (60); the last round is finished
  --seed <n>     which things go wrong, and when
  --rate <n>     facts a second, at the most (60)
  --round <n>    seconds of faults before everything heals and the ledger is checked (120)
  --keep         keep journals and logs although nothing is wrong
  --json         print only the last line, a JSON object
bounds, early and late being medians of the first and the last third, warm-up left out:
${bounds.map((bound) => `  ${bound}`).join("\n")}`);
  process.exit(0);
}
const minutes = wholeNumber("--minutes", values.minutes, 1);
const seed = wholeNumber("--seed", values.seed, 0);
const rate = wholeNumber("--rate", values.rate, 1);
const roundSeconds = wholeNumber("--round", values.round, 5);
const say = (line: string) => {
  if (!values.json) console.log(line);
};

/** Everything that leaves the processes alive: whoever is started again has forgotten what it leaked. */
const kinds: FaultKind[] = [
  ...(["cut_commits", "reset", "end_backends", "blackhole", "latency", "half_open"] as const),
];
const sampleMs = 5_000;
/** Behind statements that fell silent, which are given up after 35 s, a report may wait this long in a service. */
const lateReportsMs = 45_000;

const campaign = await openCampaign({ seed });
closeOnSignal(campaign);
const endMs = campaign.journal.nowMs() + minutes * 60_000;
const samples: Sample[] = [];
const violations: Violation[] = [];
const totals = {
  acknowledged: 0,
  arrivals: 0,
  lost: 0,
  unexpected: 0,
  duplicates: 0,
  recovered: 0,
};
let longestStopMs = 0;
let keep = true;
const sampling = setInterval(() => {
  takeSample(campaign).then(
    (sample) => samples.push(sample),
    (error: Error) => say(`no sample: ${error.message}`),
  );
}, sampleMs);
try {
  for (let round = 1; campaign.journal.nowMs() < endMs; round++) {
    const { verdict, continuity } = await campaign.round({
      seed: seed + round,
      seconds: roundSeconds,
      rate,
      kinds,
      lateReportsMs,
    });
    campaign.journal.forget();
    violations.push(...verdict.violations);
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
      totals[name] += verdict[name];
    }
    longestStopMs = Math.max(longestStopMs, continuity.longestStopMs);
    const last = samples.at(-1);
    say(
      `round ${round}: ${verdict.acknowledged} acknowledged, ${verdict.arrivals} requests, ${verdict.lost} lost, ${verdict.unexpected} unexpected; ${last?.rssMiB.join(" and ")} MiB, ${last?.files.join(" and ")} files, ${last?.connections} connections, ${last?.deadRows} of ${last?.deliveries} rows dead`,
    );
  }
  clearInterval(sampling);
  const trends = findTrends(samples);
  for (const { name, early, late, most, holds } of trends) {
    say(`${holds ? "  " : "✗ "}${name.padEnd(40)} ${early} → ${late} (at most ${most})`);
  }
  for (const { rule, what } of violations.slice(0, 20)) say(`VIOLATED: ${rule}: ${what}`);
  const wrong = violations.length > 0 || trends.some(({ holds }) => !holds);
  keep = values.keep || wrong;
  const evidence = { seed, minutes, ...totals, longestStopMs, violations, trends };
  const kept = keep ? keepEvidence(campaign.directory, { ...evidence, samples }) : undefined;
  if (kept) say(`journals and logs are kept in ${kept}`);
  console.log(
    JSON.stringify({
      ...evidence,
      violations: violations.length,
      ...(kept && { evidence: kept }),
    }),
  );
  if (wrong) process.exitCode = 1;
} finally {
  clearInterval(sampling);
  await campaign.close({ keep });
}
