import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Postrider } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { assistantMessageTypes } from "../../src/domain/contracts/assistant-messages.ts";
import { organisationEventTypes } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowActions } from "../../src/domain/contracts/workflow-webhooks.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

test("simulate workflow and simulate call bring each of the sixteen event types to the receiver", {
  timeout: 120_000,
}, async () => {
  const world = await openWorld();
  // One is enough of each: what is rare comes first or last.
  for (const what of ["workflow", "call"]) {
    const { code, stdout, stderr } = await world.simulate([what, "--count", "1"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^\d+\.\d facts\/s, \d+ sent, 0 refused$/m);
    expect(stdout).toMatch(/^Played 1 (run|call) in \d+(\.\d)? s: \d+ facts sent, 0 refused\.$/m);
  }
  const wanted = [...workflowActions, ...organisationEventTypes, ...assistantMessageTypes].sort();
  expect(wanted).toHaveLength(16);
  await expect.poll(() => world.arrivedTypes(), { timeout: 15_000 }).toEqual(wanted);
});

test("a further simulation uses what the first one made, and --no-subscribe makes nothing", {
  timeout: 120_000,
}, async () => {
  const world = await openWorld();
  const { workflows, workflowWebhooks, webhooks, assistants } = world.postrider;
  const made = async () => ({
    workflows: (await workflows.list()).total,
    forWorkflows: (await workflowWebhooks.list()).total,
    forOrganisation: (await webhooks.list()).total,
    servers: (await assistants.list()).assistants.map((one) => one.assistantServer.url),
  });
  const simulate = async (...more: string[]) => {
    const ended = await Promise.all(
      ["workflow", "call"].map((what) => world.simulate([what, "--count", "1", ...more])),
    );
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    return made();
  };
  const nothing = { workflows: 1, forWorkflows: 0, forOrganisation: 0, servers: [null] };
  expect(await simulate("--no-subscribe")).toEqual(nothing);
  expect(world.arrivedTypes()).toEqual([]);

  const servers = [`${world.receiverUrl}/assistant-server`];
  const all = { workflows: 1, forWorkflows: 1, forOrganisation: 1, servers };
  expect(await simulate()).toEqual(all);
  expect(await simulate("--no-subscribe")).toEqual(all);
  expect(await simulate()).toEqual(all);
});

test("Ctrl-C finishes what has begun, and prints what was simulated", {
  timeout: 60_000,
}, async () => {
  const world = await openWorld();
  const args = ["workflow", "--count", "1000", "--rate", "20/s", "--json"];
  const { code, stdout } = await world.simulate(args, async (child) => {
    await world.received(30);
    child.kill("SIGINT");
  });
  const { played, stopped, refused } = JSON.parse(stdout);
  expect({ code, stopped, refused }).toEqual({ code: 0, stopped: true, refused: 0 });
  expect(played).toBeLessThan(1_000);
  const ended = ["completed", "failed", "cancelled"];
  const { runs } = await world.postrider.runs.list({ size: 300 });
  expect(runs).toHaveLength(played);
  expect(runs.filter(({ status }) => !ended.includes(status))).toEqual([]);
});

test("a simulation that cannot begin says why in one sentence", { timeout: 60_000 }, async () => {
  const world = await openWorld();
  const refusals = [
    { args: ["call", "--key", "prk_wrong"], code: 1, says: /^postrider: unauthorized: .+\n$/ },
    {
      args: ["call", "--url", "http://127.0.0.1:1"],
      code: 1,
      says: /^postrider: No Postrider .+\n$/,
    },
    { args: ["calls"], code: 2, says: /choices are workflow, call/ },
    { args: ["call", "--rate", "0/s"], code: 2, says: /a rate is more than 0\/s/ },
    { args: ["call", "--count", "1e3"], code: 2, says: /a count is a whole number/ },
    { args: ["call", "--receiver", "127.0.0.1"], code: 2, says: /a URL begins with/ },
  ];
  await Promise.all(
    refusals.map(async ({ args, code, says }) => {
      const ended = await world.simulate(args);
      expect({ args, code: ended.code }).toEqual({ args, code });
      expect(ended.stderr).toMatch(says);
    }),
  );
  const { code, stderr } = await runCommand(["simulate", "call"], {}, tmpdir());
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/--key\.\n$/) });
});

/** A service, a receiver, and a directory with a key as `postrider dev` leaves it. */
async function openWorld() {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = productionEnvironment(database.url);
  const apiKey = env.POSTRIDER_API_KEY ?? "";
  const service = await startService(["serve"], env);
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-simulate-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(path.join(directory, ".postrider"));
  writeFileSync(path.join(directory, ".postrider", "api-key"), `${apiKey}\n`);
  return {
    postrider: new Postrider({ url: service.url, apiKey }),
    receiverUrl: receiver.origin,
    received: receiver.received,
    simulate: (args: readonly string[], onStart?: (child: ChildProcess) => void) =>
      runCommand(
        ["simulate", "--url", service.url, "--receiver", receiver.origin, ...args],
        {},
        directory,
        onStart,
      ),
    arrivedTypes() {
      const types = receiver.requests.map(({ body }) => {
        const { action, event_type, message } = JSON.parse(body.toString("utf8"));
        return action ?? event_type ?? message.type;
      });
      return [...new Set(types)].sort();
    },
  };
}
