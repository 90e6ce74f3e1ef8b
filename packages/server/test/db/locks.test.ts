import { expect, onTestFinished, test } from "vitest";
import { sqlState } from "../../src/db/errors.ts";
import { lockKeyForCounting, lockTeamsForCounting } from "../../src/db/quotas.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { type Asked, askedAbout, teamFunctions } from "../support/team-functions.ts";
import { runText } from "../support/twins.ts";

/** lock_not_available: somebody holds the row, and it was not waited for. */
const held = "55P03";

/** What is held by whom, and against what: a change, or only the end of the row. */
const locks: readonly [by: string, table: string, parameter: string, against: string][] = [
  ["lockCalls", "calls", "conversation_id", "no key update"],
  ["lockRuns", "runs", "run_id", "no key update"],
  ["lockWorkflows", "workflows", "workflow_id", "no key update"],
  ["shareWorkflows", "workflows", "workflow_id", "no key update"],
  ["lockAssistant", "assistants", "assistant_id", "no key update"],
  ["holdSubscription", "subscriptions", "webhook_id", "no key update"],
  ["lockSigningSecret", "subscriptions", "webhook_id", "no key update"],
  ["lockRunToErase", "runs", "run_id", "key share"],
  ["lockCallToErase", "calls", "conversation_id", "key share"],
  ["lockForRedelivery", "deliveries", "event_id", "no key update"],
  ["recordLateAttempts", "deliveries", "event_id", "update"],
  ["lockTeamsForCounting", "teams", "team_id", "no key update"],
];

const functions: Record<string, (asked: Asked) => Promise<unknown>> = {
  ...teamFunctions,
  lockTeamsForCounting: ({ tx, teamId }) => lockTeamsForCounting(tx, [teamId]),
};

async function openFurnished() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "ours" });
  return { api, names };
}

test("what is read to be changed is held until the transaction ends, and free afterwards", async () => {
  const { api, names } = await openFurnished();
  for (const [by, table, parameter, against] of locks) {
    const id = names[parameter]?.[0] ?? "";
    const takes = () =>
      runText(
        api.database.sql,
        `select id from ${table} where id = $1 for ${against} nowait`,
        id,
      ).then((rows) => rows.length, sqlState);
    expect([by, await takes()]).toEqual([by, 1]);
    await api.database.begin(async (tx) => {
      await functions[by]?.(askedAbout(tx, api.teamId, names));
      expect([by, await takes()]).toEqual([by, held]);
    });
    expect([by, await takes()]).toEqual([by, 1]);
  }
});

test("two who count the teams of one key do so one after the other", async () => {
  const { api } = await openFurnished();
  const order: string[] = [];
  let second: Promise<unknown> = Promise.resolve();
  await api.database.begin(async (tx) => {
    await lockKeyForCounting(tx, "a key");
    second = api.database.begin(async (other) => {
      await lockKeyForCounting(other, "a key");
      order.push("second");
    });
    // Another key's count does not wait.
    await api.database.begin((other) => lockKeyForCounting(other, "another key"));
    order.push("first");
  });
  await second;
  expect(order).toEqual(["first", "second"]);
});
