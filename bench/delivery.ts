// npm run bench -- delivery [--facts 50000] [--contestants ceiling,ours,…] [--profile] [--statements] [--rounds 3] [--json]
//
// Facts in bulk → delivered → recorded, durable, 256 POSTs at once, bodies of about 1 KiB: facts with one subscription
// each, then a fifth as many with five. Every contestant runs in a process of its own, warms up, and gets an empty
// database (or an empty Redis) of its own in every round; the rounds are interleaved. `ceiling` stores nothing; the job
// queues make their POSTs with the ceiling's code. A rate is reported for complete work only: what the receiver counted
// and what the store holds must be what was added.
import path from "node:path";
import {
  contestants,
  isOurs,
  type Name,
  names,
  openField,
  type Round,
  withTraces,
} from "./delivery-field.ts";
import { printResults, summarise } from "./delivery-results.ts";
import { readOptions, usageError } from "./options.ts";
import { printProfile } from "./profile.ts";
import { openReport } from "./report.ts";
import { printStatements } from "./statements.ts";
import { inWorld } from "./world.ts";

const options = readOptions({
  name: "delivery",
  purpose: "deliveries a second and CPU for each, beside a ceiling and job queues",
  options: {
    facts: { describes: "facts with one subscription; with five, a fifth", default: "50000" },
    contestants: {
      describes: "who takes part",
      default: names.filter((name) => !withTraces.includes(name)).join(","),
    },
    "fan-outs": { describes: "subscriptions a fact", default: "1,5" },
    profile: { describes: "profile ours and traced, and print where its time went", flag: true },
    statements: { describes: "print where PostgreSQL's time went for ours", flag: true },
  },
});
const taking = options
  .text("contestants")
  .split(",")
  .map((name) => name.trim());
const unknown = taking.find((name) => !(name in contestants));
if (unknown !== undefined) usageError("delivery", `There is no contestant ${unknown}.`);
const fanOuts = options.text("fan-outs").split(",").map(Number);
if (!fanOuts.every((fanOut) => fanOut >= 1 && fanOut <= 100)) {
  usageError("delivery", "--fan-outs is a list of numbers from 1 to 100.");
}
const report = openReport("delivery", options);

await inWorld(async (world) => {
  report.say("starting PostgreSQL and a receiver …");
  const field = await openField(world, taking as Name[], report.say, options.flag("statements"));
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number++) {
    for (const fanOut of fanOuts) {
      const facts = Math.max(1, Math.round(options.count("facts") / fanOut));
      for (const name of field.taking) {
        const profiled = options.flag("profile") && isOurs(name);
        const profileTo = profiled ? path.join(world.directory, "cpu.cpuprofile") : undefined;
        const round = await field.play(name, { number, facts, fanOut, profileTo });
        rounds.push(round);
        report.say(
          "failed" in round
            ? `round ${number}, fan-out ${fanOut}, ${name}: ${round.failed}`
            : `round ${number}, fan-out ${fanOut}, ${name}: ${Math.round(round.perSecond)}/s, ` +
                `${round.nodeMicroseconds.toFixed(1)} µs node, ${round.storeMicroseconds.toFixed(1)} µs store`,
        );
        if (profileTo && !("failed" in round)) printProfile(profileTo, report.say);
        if ("statements" in round) printStatements(round.statements, facts * fanOut, report.say);
      }
    }
  }
  const results = summarise(rounds);
  printResults(results, report.say);
  for (const line of field.absent) report.say(`left out: ${line}`);
  report.finish({ ...field.about, absent: field.absent, rounds, results });
});
