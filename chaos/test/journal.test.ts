import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openJournal } from "../journal.ts";

test("what was judged is forgotten, but not a fact that may yet be recorded", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-journal-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const journal = openJournal(directory);
  journal.fact({ fact: "start 1", word: "attempted", events: ["workflow_run_started:1"] });
  journal.fact({ fact: "start 2", word: "attempted", events: ["workflow_run_started:2"] });
  journal.fact({ fact: "start 1", word: "unknown" });
  journal.fact({ fact: "start 1", word: "acknowledged" });
  journal.fact({ fact: "start 2", word: "unknown" });
  journal.fact({ fact: "start 3", word: "refused" });
  journal.forget();
  const left = journal.facts.map(({ fact, word, events }) => [fact, word, events]);
  expect(left).toEqual([
    ["start 2", "attempted", ["workflow_run_started:2"]],
    ["start 2", "unknown", undefined],
  ]);
  await journal.close();
  expect(readFileSync(path.join(directory, "facts.jsonl"), "utf8").split("\n")).toHaveLength(7);
});
