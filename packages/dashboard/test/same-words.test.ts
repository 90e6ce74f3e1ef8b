import { expect, test } from "vitest";
import * as cli from "../../server/bin/cli/words.ts";
import { counted } from "../src/words/numbers.ts";
import * as dashboard from "../src/words/outcomes.ts";
import { callWords, runWords } from "../src/words/subject-states.ts";
import { age } from "../src/words/times.ts";

// The dashboard is a client of the public API and shares no code with the command line. A person uses both.
test("the dashboard and the command line have the same words and colours for states, answers and contracts", () => {
  expect(cli.outcomes).toEqual(dashboard.outcomes);
  expect(cli.healths).toEqual(dashboard.healthWords);
  expect(cli.errorWords).toEqual(dashboard.errorWords);
  for (const answer of [
    { status_code: 503, error_code: null },
    { status_code: null, error_code: "dns_error" },
    { status_code: null, error_code: "something_new" },
    { status_code: null, error_code: null },
  ]) {
    expect(cli.answerOf(answer)).toBe(dashboard.answerOf(answer));
  }
  // The dashboard writes them at the start of a line.
  const lower = Object.entries(dashboard.contractWords).map(([contract, word]) => [
    contract,
    word.replace(/^./, (letter) => letter.toLowerCase()),
  ]);
  expect(cli.contractWords).toEqual(Object.fromEntries(lower));
});

test("the dashboard and the command line colour the states of runs and calls alike", () => {
  const tonesOf = (words: Readonly<Record<string, dashboard.Word>>) =>
    Object.fromEntries(Object.entries(words).map(([state, { tone }]) => [state, tone]));
  expect(cli.runTones).toEqual(tonesOf(runWords));
  expect(cli.callTones).toEqual(tonesOf(callWords));
});

test("the dashboard and the command line say ages and counts alike", () => {
  const at = "2026-11-29T10:41:07.204Z";
  for (const seconds of [-5, 0, 4.9, 5, 59.9, 60, 3_599, 3_600, 86_399, 86_400, 2_000_000]) {
    const nowMs = Date.parse(at) + seconds * 1_000;
    expect(cli.ageOf(at, nowMs), `${seconds} s`).toBe(age(at, nowMs));
  }
  for (const value of [0, 1, 2, 1_204]) {
    expect(cli.counted(value, "delivery", "deliveries")).toBe(
      counted(value, "delivery", "deliveries"),
    );
    expect(cli.counted(value, "message")).toBe(counted(value, "message"));
  }
});
