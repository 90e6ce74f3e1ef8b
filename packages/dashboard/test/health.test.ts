import type { EndpointHealth } from "@postrider/sdk";
import { expect, test } from "vitest";
import { healthSentence, missedSpan } from "../src/words/health.ts";

const nowMs = Date.parse("2026-11-30T11:00:00.000Z");
const health = (told: Partial<EndpointHealth>): EndpointHealth => ({
  state: "healthy",
  since: "2026-11-30T10:41:00.000Z",
  last_success_at: null,
  last_failure_at: null,
  last_error_code: null,
  success_rate_1h: null,
  p95_ms_1h: null,
  pending: 0,
  oldest_due_at: null,
  breaker: "closed",
  next_probe_at: null,
  last_failing: null,
  ...told,
});
const said = (
  told: Partial<EndpointHealth>,
  more: { answer?: number; reason?: "failing" } = {},
) => {
  const { lead, rest } = healthSentence(health(told), { zone: "utc", nowMs, ...more });
  return `${lead} ${rest}`;
};

test("a failing endpoint says since when, why, and what waits", () => {
  const failing = { state: "failing", last_error_code: "http_status", pending: 1204 } as const;
  expect(said(failing, { answer: 503 })).toBe(
    "Failing since 10:41. The receiver answers 503. 1,204 deliveries wait.",
  );
  expect(said({ state: "failing", last_error_code: "connect_refused", pending: 1 })).toBe(
    "Failing since 10:41. The receiver refuses connections. 1 delivery waits.",
  );
  expect(said({ state: "failing", last_error_code: "a_new_code" })).toContain("Its attempts fail.");
});

test("the other states say what they mean", () => {
  expect(said({ state: "disabled", pending: 3 }, { reason: "failing" })).toBe(
    "Disabled since 10:41, because it kept failing. It gets nothing new. 3 deliveries wait until it is enabled.",
  );
  expect(said({ state: "idle" })).toBe("Idle. Nothing was sent to it in the last 24 hours.");
  expect(said({ success_rate_1h: 0.9966, p95_ms_1h: 120 })).toBe(
    "Healthy. 99.7 % of its attempts succeeded in the last hour. 95 of 100 took at most 120 ms.",
  );
});

test("what was missed begins with the spell and ends right after it; who never failed missed nothing", () => {
  expect(missedSpan(health({ state: "failing" }))).toEqual({ from: "2026-11-30T10:41:00.000Z" });
  const last_failing = { from: "2026-11-30T09:00:00.000Z", to: "2026-11-30T09:10:00.000Z" };
  expect(missedSpan(health({ last_failing }))).toEqual({
    from: "2026-11-30T09:00:00.000Z",
    to: "2026-11-30T09:10:00.001Z",
  });
  expect(missedSpan(health({}))).toBeUndefined();
});
