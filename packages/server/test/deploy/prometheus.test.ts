import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { readText, root } from "../house/sources.ts";
import { openAllMetrics } from "../support/all-metrics.ts";
import { findProgram } from "./programs.ts";

const promtool = findProgram("promtool");
const folder = path.join(root, "deploy/prometheus");

type Rule = {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
};
type Panel = {
  id: number;
  title: string;
  gridPos: Record<"x" | "y" | "w" | "h", number>;
  targets: { expr: string; datasource: { uid: string } }[];
};

const rules: Rule[] = parse(readText("deploy/prometheus/alerts.yaml")).groups.flatMap(
  ({ rules }: { rules: Rule[] }) => rules,
);
const panels: Panel[] = JSON.parse(readText("deploy/grafana/postrider.json")).panels;

const expressions = [
  ...rules.map(({ alert, expr }) => ({ from: `the alert ${alert}`, expr })),
  ...panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ from: `the panel "${title}"`, expr })),
  ),
];

/** What Prometheus itself adds. */
const added = { metrics: ["up"], labels: ["instance", "job"] };

/** What an expression names that there is not: metrics, and labels that none of its metrics has. */
function unknownIn(expr: string): string[] {
  const series = new Map<string, readonly string[]>(added.metrics.map((name) => [name, []]));
  for (const { name, type, labels } of openAllMetrics().metrics.describe()) {
    if (type !== "histogram") series.set(name, labels);
    else {
      series.set(`${name}_bucket`, [...labels, "le"]);
      for (const part of ["sum", "count"]) series.set(`${name}_${part}`, labels);
    }
  }
  const withoutTexts = expr.replaceAll(/"[^"]*"/g, '""');
  const names = withoutTexts.match(/\b(?:postrider|process)_\w+|\bup\b/g) ?? [];
  const known = new Set([...names.flatMap((name) => series.get(name) ?? []), ...added.labels]);
  const labels = [
    ...[...withoutTexts.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*""/g)].map(([, label = ""]) => label),
    ...[...withoutTexts.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
      list.split(/,\s*/),
    ),
  ];
  return [
    ...(names.length === 0 ? ["no metric"] : []),
    ...names.filter((name) => !series.has(name)),
    ...labels.filter((label) => !known.has(label)),
  ];
}

test("alerts and dashboard use only existing metrics and labels", () => {
  expect(expressions.length).toBeGreaterThan(40);
  const wrong = expressions.flatMap(({ from, expr }) =>
    unknownIn(expr).map((what) => `${from}: ${what}`),
  );
  expect(wrong).toEqual([]);
});

test.each([
  ["sum(rate(postrider_deliveries_total[5m])) by (state)", ["state"]],
  ['postrider_backlog{state="quick"}', ["state"]],
  ["postrider_attempt_duration_seconds > 1", ["postrider_attempt_duration_seconds"]],
  ["postrider_deliverys_total", ["postrider_deliverys_total"]],
  ["vector(1)", ["no metric"]],
  ["sum by (contract, le) (rate(postrider_attempt_duration_seconds_bucket[5m]))", []],
])("what is not there is found in %s", (expr, unknown) => {
  expect(unknownIn(expr)).toEqual(unknown);
});

test("every metric of Postrider is on the dashboard or in an alert, or only says which version runs", () => {
  const all = expressions.map(({ expr }) => expr).join("\n");
  const unused = openAllMetrics()
    .metrics.describe()
    .filter(({ name }) => !new RegExp(`\\b${name}(?:_bucket|_sum|_count)?\\b`).test(all));
  expect(unused.map(({ name }) => name)).toEqual([]);
});

test("every alert has its section in docs/runbook.md with its severity, and no section is of another", () => {
  const sections = readText("docs/runbook.md").split(/^## /m).slice(1);
  const told = sections.map((section) => ({
    alert: section.slice(0, section.indexOf("\n")),
    severity: /^\*\*(\w+)\.\*\*/m.exec(section)?.[1],
    parts: ["Look:", "Do:"].filter((part) => section.includes(`\n${part}\n`)).length,
  }));
  expect(told).toEqual(
    rules.map(({ alert, labels }) => ({ alert, severity: labels.severity, parts: 2 })),
  );
  for (const { alert, annotations } of rules) {
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    expect(annotations.summary).toMatch(/\.$/);
  }
});

test("every alert is tested: it fires when it should, and not when a value is just below its limit", () => {
  const played: {
    name: string;
    alert_rule_test: { alertname: string; exp_alerts: unknown[] }[];
  }[] = parse(readText("deploy/prometheus/alerts.test.yaml")).tests;
  const expected = played.flatMap(({ alert_rule_test }) =>
    alert_rule_test.map(({ alertname, exp_alerts }) => `${alertname} ${exp_alerts.length}`),
  );
  expect(expected).toEqual(rules.flatMap(({ alert }) => [`${alert} 1`, `${alert} 0`]));
});

test("panels of the dashboard do not lie upon each other, and ask the chosen Prometheus", () => {
  const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
  );
  expect(new Set(places).size).toBe(places.length);
  expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBeLessThanOrEqual(24);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const sources = panels.flatMap(({ targets }) => targets.map(({ datasource }) => datasource.uid));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in.
  expect([...new Set(sources)]).toEqual(["${datasource}"]);
});

test("promtool has nothing to say about the metrics, with every series that there can be", ({
  skip,
}) => {
  skip(!promtool.isThere, promtool.missing);
  const { metrics, counts } = openAllMetrics({
    surveys: {
      latest: () => ({
        backlog: { quick: 1, new: 0, full: 0, slow: 0, quiet: 0, failing: 0 },
        oldestDueMs: 10,
        endpoints: { healthy: 1, failing: 1, disabled: 0, idle: 0 },
        breakers: { closed: 1, open: 1, probing: 0 },
        failing: [{ id: "0123", contract: "workflow", failingMs: 5 }],
        partitionsAhead: 7,
        retentionLagDays: 0,
        replays: { queued: 0, running: 1 },
      }),
      ageMs: () => 1,
      databaseIsThere: () => true,
      clockOffsetMs: () => -3,
      close: async () => {},
    },
  });
  const { tally, poolWatch } = counts;
  tally.claimed(3);
  tally.firstAttempt("workflow", 5);
  tally.gaveUp({ contract: "assistant", errorCode: "unknown_outcome" });
  for (const outcome of ["delivered", "retry", "failed"] as const) {
    const errorCode = outcome === "delivered" ? null : "timeout";
    tally.attempted({ contract: "workflow", outcome, errorCode, latencyMs: 7, moved: true });
  }
  poolWatch.opened("api", { totalCount: 3, idleCount: 1, waitingCount: 0 });
  poolWatch.waited("api", 4);
  const text = metrics.print();
  expect(text).toContain('postrider_endpoint_failing_seconds{contract="workflow",endpoint="0123"}');
  expect(promtool.run(["check", "metrics"], text)).toEqual({ code: 0, output: "" });
  const misnamed = text.replaceAll("postrider_claims_total", "postrider_claims");
  expect(promtool.run(["check", "metrics"], misnamed).output).toContain("postrider_claims");
});

test("promtool finds the alerts well formed, and each one fires and stays silent as its cases say", ({
  skip,
}) => {
  skip(!promtool.isThere, promtool.missing);
  const checked = promtool.run(["check", "rules", path.join(folder, "alerts.yaml")]);
  expect(checked.output).toContain(`${rules.length} rules found`);
  expect(checked.code).toBe(0);
  const played = promtool.run(["test", "rules", path.join(folder, "alerts.test.yaml")]);
  expect(played.output).toContain("SUCCESS");
  expect(played.code).toBe(0);
});

test("promtool can read every query of the dashboard", ({ skip }) => {
  skip(!promtool.isThere, promtool.missing);
  const queries = panels.flatMap(({ targets }) =>
    targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "1m")),
  );
  const check = (queries: readonly string[]) => {
    const directory = mkdtempSync(path.join(tmpdir(), "postrider-dashboard-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const rules = queries.map((expr, index) => ({ record: `query_${index}`, expr }));
    const file = path.join(directory, "rules.json");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    return promtool.run(["check", "rules", file]);
  };
  expect(check(queries)).toMatchObject({ code: 0 });
  expect(check(["sum bye (state) (postrider_endpoints)"]).code).not.toBe(0);
});
