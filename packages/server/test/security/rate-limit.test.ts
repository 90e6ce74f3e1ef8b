import { expect, onTestFinished, test } from "vitest";
import { openRateLimit } from "../../src/api/rate-limit.ts";
import { readConfig } from "../../src/config.ts";
import { openTestApi } from "../support/api.ts";

/** A limit with a clock of its own; `ask` says how many of so many requests it allows. */
function openClocked(options: { perSecond: number; burst: number }) {
  let now = 0;
  const take = openRateLimit({ ...options, nowMs: () => now });
  const allowed = (key: string): boolean => {
    try {
      take(key);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: "rate_limited", status: 429 });
      return false;
    }
  };
  return {
    pass: (ms: number) => {
      now += ms;
    },
    ask: (key: string, count: number) =>
      Array.from({ length: count }, () => allowed(key)).filter(Boolean).length,
  };
}

test("a key gets its burst at once, then its rate, and never more than a burst however long it waits", () => {
  const limit = openClocked({ perSecond: 10, burst: 25 });
  expect(limit.ask("a", 100)).toBe(25);
  limit.pass(99);
  expect(limit.ask("a", 5)).toBe(0);
  limit.pass(1);
  expect(limit.ask("a", 5)).toBe(1);
  limit.pass(1_000);
  expect(limit.ask("a", 100)).toBe(10);
  limit.pass(3_600_000);
  expect(limit.ask("a", 100)).toBe(25);
});

test("over a long time a key that never pauses gets exactly its rate, and what is refused costs it nothing", () => {
  const limit = openClocked({ perSecond: 1_000, burst: 2_000 });
  let allowed = 0;
  for (let ms = 0; ms < 2_000; ms++) {
    limit.pass(1);
    allowed += limit.ask("a", 3);
  }
  expect(allowed).toBeGreaterThanOrEqual(3_999);
  expect(allowed).toBeLessThanOrEqual(4_001);
});

test("one key's requests never take another's", () => {
  const limit = openClocked({ perSecond: 1, burst: 3 });
  expect(limit.ask("a", 100)).toBe(3);
  expect(limit.ask("b", 100)).toBe(3);
});

test("buckets are bounded in number, and it is the key that was away longest whose bucket goes", () => {
  const limit = openClocked({ perSecond: 1, burst: 2 });
  expect(limit.ask("first", 5)).toBe(2);
  expect(limit.ask("busy", 5)).toBe(2);
  for (let other = 0; other < 9_999; other++) {
    limit.ask(`key ${other}`, 1);
    if (other % 1_000 === 0) expect(limit.ask("busy", 1)).toBe(0);
  }
  expect(limit.ask("busy", 1)).toBe(0);
  // Forgotten: were the buckets unbounded, it would still be empty.
  expect(limit.ask("first", 5)).toBe(2);
});

test("0 means no limit, and so it is in development unless it is set", () => {
  expect(openClocked({ perSecond: 0, burst: 1 }).ask("a", 10_000)).toBe(10_000);
  expect(readConfig("development", {}).rateLimit.perSecond).toBe(0);
  const production = readConfig("production", {
    DATABASE_URL: "postgresql://db/postrider",
    POSTRIDER_ENCRYPTION_KEY: "ab".repeat(32),
  });
  expect(production.rateLimit).toEqual({ perSecond: 1_000, burst: 2_000 });
});

async function openLimited(env: Record<string, string>) {
  const api = await openTestApi({ deps: { config: readConfig("development", env) } });
  onTestFinished(() => api.close());
  return api;
}

test("who asks too often is told 429 and when to come again, before anything is read or done for it", async () => {
  const api = await openLimited({ POSTRIDER_RATE_LIMIT: "1", POSTRIDER_RATE_BURST: "3" });
  const other = await api.newTeam();
  const post = (key: string) =>
    api.call("POST", "/workflows/v1/workflow-webhooks", {
      key,
      body: { name: "a", url: "https://example.com/", actions: ["workflow_created"] },
      headers: { "idempotency-key": crypto.randomUUID() },
    });
  const statuses = [];
  for (let request = 0; request < 6; request++) statuses.push((await post(api.key)).status);
  expect(statuses.slice(0, 3)).toEqual([201, 201, 201]);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(2);

  const refused = await api.call("GET", "/v1/teams", { headers: { "x-org-id": "unheard of" } });
  expect(refused.status).toBe(429);
  expect(refused.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
  expect(refused.headers["content-type"]).toContain("application/problem+json");
  expect(refused.body).toMatchObject({ code: "rate_limited", status: 429 });
  const kept = await api.database.sql`select key from idempotency_keys`;
  expect(kept.length).toBe(statuses.filter((status) => status === 201).length);
  expect((await post(other.key)).status).toBe(201);
});

test("health and metrics answer however often they are asked, and so do the documents", async () => {
  const api = await openLimited({ POSTRIDER_RATE_LIMIT: "1", POSTRIDER_RATE_BURST: "1" });
  for (const path of ["/livez", "/readyz", "/metrics", "/openapi.json"]) {
    for (let request = 0; request < 20; request++) {
      expect((await api.call("GET", path)).status, path).toBe(200);
    }
  }
});
