import { randomBytes } from "node:crypto";
import { verify } from "@postrider/sdk";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

const rotate = ["keys", "rotate-encryption"];

function apiOf(url: string) {
  return async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${url}/workflows/v1${path}`, {
      method,
      headers: {
        authorization: "Bearer an-operator-key-for-tests",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    expect(answer.status, text).toBeLessThan(300);
    return JSON.parse(text);
  };
}

test("keys are rotated while the service delivers, also when that is broken off; then it starts with the new key alone", {
  timeout: 180_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());

  const [oldKey, newKey] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];
  const base = { ...productionEnvironment(database.url), POSTRIDER_ENCRYPTION_KEY: oldKey };
  const both = { ...base, POSTRIDER_ENCRYPTION_KEY: `${newKey},${oldKey}` };
  const newOnly = { ...base, POSTRIDER_ENCRYPTION_KEY: newKey };

  const first = await startService(["serve"], base);
  const hook = { name: "a", url: receiver.origin, actions: ["workflow_created"] };
  const made = apiOf(first.url);
  const { id } = await made("POST", "/workflow-webhooks", { ...hook, bearer_token: "a-token" });
  const idle = { ...hook, enabled: false, bearer_token: "unused" };
  await Promise.all(Array.from({ length: 60 }, () => made("POST", "/workflow-webhooks", idle)));
  const { secret } = await made("GET", `/workflow-webhooks/${id}/signing-secret`);
  expect(await first.terminate()).toBe(0);

  const second = await startService(["serve"], both);
  const call = apiOf(second.url);
  const resealed = async () => {
    const { rows } = await client.query(
      "select count(*)::int as count from subscriptions where substr(sealed_signing_secret, 2, 4) <> (select substr(sealed_signing_secret, 2, 4) from subscriptions order by id desc limit 1)",
    );
    return rows[0].count as number;
  };
  const brokenOff = await runCommand([...rotate, "--batch", "1"], both, undefined, (child) => {
    until("something is sealed anew", async () => (await resealed()) > 5, 60_000).then(() =>
      child.kill("SIGINT"),
    );
  });
  expect([brokenOff.code, brokenOff.stderr]).toEqual([
    1,
    "postrider: stopping after the current step\n",
  ]);
  expect(brokenOff.stdout).toContain("Not finished");
  await call("POST", "/workflows", { name: "in the middle" });

  const done = await runCommand([...rotate, "--json"], both);
  expect([done.code, done.stderr]).toEqual([0, ""]);
  expect(JSON.parse(done.stdout)).toMatchObject({ complete: true, unopened: 0 });
  expect(JSON.parse(done.stdout).unused_keys).toHaveLength(1);
  await call("POST", "/workflows", { name: "at the end" });
  await receiver.received(2);
  expect(await second.terminate()).toBe(0);

  const third = await startService(["serve"], newOnly);
  await apiOf(third.url)("POST", "/workflows", { name: "afterwards" });
  await receiver.received(3);
  for (const { body, headers } of receiver.requests) {
    await verify(body, headers, secret);
    expect(headers.authorization).toBe("Bearer a-token");
  }
  expect(await third.terminate()).toBe(0);
});
