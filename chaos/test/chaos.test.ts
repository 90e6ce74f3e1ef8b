import { expect, onTestFinished, test } from "vitest";
import { openCampaign } from "../campaign.ts";
import type { FaultKind } from "../schedule.ts";

/** Those that are over soon: leases and timeouts of the others last longer than this test. */
const kinds: FaultKind[] = ["kill", "crash_database", "cut_commits", "reset", "end_backends"];
const seed = 20_261_121;

test("under kills, crashes of the database and lost commits, what was acknowledged arrives and nothing else", {
  timeout: 300_000,
}, async () => {
  const campaign = await openCampaign({ seed });
  let keep = true;
  onTestFinished(() => campaign.close({ keep }));
  const { verdict } = await campaign.round({ seed, seconds: 10, rate: 50, kinds });
  const { violations, ...counts } = verdict;
  console.log(JSON.stringify(counts));
  expect(violations, `the evidence is in ${campaign.directory}`).toEqual([]);
  expect(counts).toMatchObject({ lost: 0, unexpected: 0 });
  // Or nothing was tried.
  expect(counts.acknowledged).toBeGreaterThan(20);
  expect(counts.doubtful).toBeGreaterThan(0);
  keep = false;
});
