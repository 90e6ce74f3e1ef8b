// npm run chaos -- [--seconds 90] [--seed N] [--rate 60] [--faults kill,…] [--keep] [--json] [--help]
//
// A ledger test: two services and a PostgreSQL of its own under faults that a seed chooses. What was acknowledged must
// arrive, and nothing else. Exit code 1 when anything is wrong; the evidence stays in the directory that is named.
import { parseArgs } from "node:util";
import { closeOnSignal, keepEvidence, openCampaign } from "./campaign.ts";
import { wholeNumber } from "./options.ts";
import { allFaultKinds, describeFault } from "./schedule.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "90" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    rate: { type: "string", default: "60" },
    faults: { type: "string", default: allFaultKinds.join(",") },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`usage: npm run chaos -- [options]
  --seconds <n>  how long things go wrong (90); healing and draining take up to three minutes more
  --seed <n>     which things, and when; the same seed plans the same faults
  --rate <n>     facts a second, at the most (60)
  --faults <…>   only these kinds: ${allFaultKinds.join(",")}
  --keep         keep journals and logs although nothing is wrong
  --json         print only the last line, a JSON object`);
  process.exit(0);
}
const seconds = wholeNumber("--seconds", values.seconds, 1);
const seed = wholeNumber("--seed", values.seed, 0);
const rate = wholeNumber("--rate", values.rate, 1);
const kinds = allFaultKinds.filter((kind) => values.faults.split(",").includes(kind));
const say = (line: string) => {
  if (!values.json) console.log(line);
};

say(`seed ${seed}, ${seconds} s, at most ${rate} facts/s: starting PostgreSQL and two services …`);
const campaign = await openCampaign({ seed });
closeOnSignal(campaign);
let keep = true;
try {
  const round = await campaign.round({
    seed,
    seconds,
    rate,
    kinds,
    onPlan({ faults, moods }) {
      say("planned:");
      for (const fault of faults) {
        say(`  ${(fault.atMs / 1_000).toFixed(1).padStart(6)} s  ${describeFault(fault)}`);
      }
      for (const [name, changes] of moods) {
        const bad = changes.filter(({ mood }) => mood !== "well");
        say(`  ${name}: ${bad.map((one) => `${one.mood} at ${one.atMs / 1_000}`).join(", ")}`);
      }
    },
    onProgress: say,
  });
  const { verdict, continuity, timeline, recoveries, ...figures } = round;
  const { violations, ...counts } = verdict;
  keep = values.keep || violations.length > 0;
  for (const line of timeline) say(line);
  say("time until the service that was hit acknowledged again, where no other fault came between:");
  for (const { kind, count, medianMs, mostMs } of recoveries) {
    say(
      `  ${kind.padEnd(16)} × ${String(count).padStart(2)}  median ${medianMs} ms, at most ${mostMs} ms`,
    );
  }
  say(
    `longest stop ${continuity.longestStopMs} ms, at ${(continuity.longestStopAtMs / 1_000).toFixed(1)} s; of the intake ${continuity.longestIntakeStopMs} ms; delay p50 ${continuity.delayMs.p50} ms, p99 ${continuity.delayMs.p99} ms, at most ${continuity.delayMs.most} ms`,
  );
  for (const { rule, what } of violations.slice(0, 20)) say(`VIOLATED: ${rule}: ${what}`);
  const kept = keep ? keepEvidence(campaign.directory, { seed, seconds, ...round }) : undefined;
  if (kept) say(`journals and logs are kept in ${kept}`);
  console.log(
    JSON.stringify({
      seed,
      seconds,
      ...counts,
      violations: violations.length,
      ...continuity,
      ...figures,
      ...(kept && { evidence: kept }),
    }),
  );
  if (violations.length > 0) process.exitCode = 1;
} finally {
  await campaign.close({ keep });
}
