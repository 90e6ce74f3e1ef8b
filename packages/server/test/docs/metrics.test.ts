import { expect, test } from "vitest";
import { allContracts } from "../../src/domain/contracts/all-contracts.ts";
import { healthStates } from "../../src/domain/endpoint-health.ts";
import { backlogStandings } from "../../src/domain/survey.ts";
import { readText } from "../house/sources.ts";
import { openAllMetrics } from "../support/all-metrics.ts";

const page = readText("docs/metrics.md");

const rows = page
  .split("\n")
  .filter((line) => /^\| `(?:postrider|process)_/.test(line))
  .map((line) => line.replaceAll(/ {2,}/g, " "));

test("docs/metrics.md has one row for each metric, with its type, labels and meaning, and no other", () => {
  const described = openAllMetrics().metrics.describe();
  expect(described.length).toBeGreaterThan(30);
  const rowOf = ({ name, type, labels, help }: (typeof described)[number]) =>
    `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`.replace(
      "|  |",
      "| – |",
    );
  expect([...rows].sort()).toEqual(described.map(rowOf).sort());
});

test("docs/metrics.md says what each label can be, but where its name says it", () => {
  const told = new Set(
    [...page.matchAll(/^\| `(\w+)`(?: of \w+)? \| .*$/gm)].map(([, name]) => name),
  );
  const labels = new Set(
    openAllMetrics()
      .metrics.describe()
      .flatMap(({ labels }) => labels),
  );
  expect([...labels].filter((label) => !told.has(label)).sort()).toEqual([
    "method",
    "route",
    "status",
    "version",
  ]);
  const row = (name: string) => page.split("\n").find((line) => line.startsWith(name)) ?? "";
  for (const standing of backlogStandings) expect(row("| `standing`")).toContain(`\`${standing}\``);
  for (const state of healthStates) expect(row("| `state` of endpoints")).toContain(`\`${state}\``);
  for (const { name } of allContracts) expect(row("| `contract`")).toContain(`\`${name}\``);
});
