import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { newId } from "../../src/ids.ts";
import { findProgram } from "../deploy/programs.ts";
import { readText } from "../house/sources.ts";
import { openAllMetrics } from "../support/all-metrics.ts";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { findFreePort } from "../support/ports.ts";
import { openService, type Service } from "../support/running-server.ts";

const prometheus = findProgram("prometheus");

type Alert = { labels: Record<string, string>; state: "pending" | "firing" };

/** The alerts as they are delivered, but with every wait a second long. */
function hurriedRules(): string {
  const rules = parse(readText("deploy/prometheus/alerts.yaml"));
  for (const group of rules.groups) {
    group.interval = "1s";
    for (const rule of group.rules) if (rule.for) rule.for = "1s";
  }
  return stringify(rules);
}

/** Starts a Prometheus that scrapes this service every second. */
async function openPrometheus({ server }: Service) {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-prometheus-"));
  const write = (name: string, text: string) => writeFileSync(path.join(directory, name), text);
  write("alerts.yaml", hurriedRules());
  write(
    "prometheus.yaml",
    stringify({
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: ["alerts.yaml"],
      scrape_configs: [
        { job_name: "postrider", static_configs: [{ targets: [`127.0.0.1:${server.port}`] }] },
      ],
    }),
  );
  const origin = `http://127.0.0.1:${await findFreePort()}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${path.join(directory, "prometheus.yaml")}`,
      `--storage.tsdb.path=${path.join(directory, "data")}`,
      `--web.listen-address=${new URL(origin).host}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const ended = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  const ask = async (path: string) => {
    const answer = await fetch(`${origin}/api/v1/${path}`);
    return ((await answer.json()) as { data: never }).data;
  };
  const firing = async (): Promise<Alert[]> => {
    const { alerts } = (await ask("alerts")) as { alerts: Alert[] };
    return alerts.filter(({ state }) => state === "firing");
  };
  await until("Prometheus has scraped", () =>
    ask("query?query=postrider_build_info").then(
      ({ result }: { result: unknown[] }) => result.length === 1,
      () => false,
    ),
  );
  return {
    /** The names of the alerts that fire. */
    names: async () => (await firing()).map(({ labels }) => labels.alertname ?? "").sort(),
    firing,
  };
}

test("a receiver that fails makes its alert fire in a real Prometheus, and a dispatcher that is frozen makes another fire within a minute", async ({
  skip,
}) => {
  skip(!prometheus.isThere, prometheus.missing);
  let frozen = false;
  let hopeless = false;
  const service = await openService(
    {},
    { POSTRIDER_SHUTDOWN_SECONDS: "1" },
    {
      engine: {
        claims: (database) => ({
          ...database,
          sql: ((...args: [never]) =>
            frozen ? new Promise(() => {}) : database.sql(...args)) as typeof database.sql,
        }),
      },
      onHopeless: () => {
        hopeless = true;
      },
    },
  );
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const { body } = await service.call("POST", "/workflows/v1/workflow-webhooks", {
    name: "a webhook",
    url: `${receiver.origin}/`,
    actions: ["workflow_created"],
  });
  const report = () =>
    service.call("POST", "/workflows/v1/workflows", { _id: newId(), name: "a workflow" });
  await report();
  await receiver.received(1);

  const { names, firing } = await openPrometheus(service);
  const text = await (await fetch(`${service.server.url}/metrics`)).text();
  const served = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
  expect(served.sort()).toEqual(
    openAllMetrics()
      .metrics.describe()
      .map(({ name }) => name)
      .sort(),
  );
  const isQuiet = async () => (await names()).length === 0;
  await until("nothing fires any more that the start had to say", isQuiet, 30_000);

  receiver.answerBy(() => 500);
  for (let fact = 0; fact < 12; fact++) await report();
  await until("the endpoint's alert fires", async () => (await names()).length > 0, 30_000);
  const [alert] = await firing();
  const id = body.webhook?._id ?? body.webhook?.id ?? body._id ?? body.id;
  expect(alert?.labels).toMatchObject({
    alertname: "PostriderEndpointFailing",
    contract: "workflow",
    endpoint: id,
    severity: "info",
  });

  receiver.answerBy(() => 200);
  await report();
  await until("it fires no more", isQuiet, 60_000);

  const frozenAtMs = performance.now();
  frozen = true;
  await until(
    "the standstill's alert fires",
    async () => (await names()).includes("PostriderDispatcherStalled"),
    60_000,
  );
  const seconds = Math.round((performance.now() - frozenAtMs) / 1_000);
  console.info(`frozen dispatcher: the alert fired after ${seconds} s`);
  expect((await service.call("GET", "/readyz")).status).toBe(503);
  expect((await report()).status).toBe(201);
  expect(hopeless).toBe(false);
});
