import { expect, test } from "vitest";
import {
  automaticAttempts,
  bodyBudgetMs,
  commitMarginMs,
  leaseMs,
} from "../../src/domain/delivery.ts";
import {
  type AttemptResult,
  decideOutcome,
  describeFailure,
  errorCode,
  quietSeconds,
  type UnansweredReason,
} from "../../src/domain/outcome.ts";
import { rowsOf } from "../hostile/rows.ts";

type Case = {
  id: string;
  input: {
    status: number;
    retry_after?: string | string[];
    attempt?: number;
    retry_backoff_seconds?: number;
    now?: string;
    max_retries?: number;
  };
  expect: {
    class?: string;
    error_code?: string;
    retried?: boolean;
    delay_s?: [number, number];
    attempts?: number;
  };
  why: string;
};

function responded(status: number, retryAfter?: string): AttemptResult {
  return { kind: "responded", status, body: "", bodyTruncated: false, retryAfter };
}

function unanswered(reason: UnansweredReason): AttemptResult {
  return { kind: "unanswered", reason, detail: "No answer came within 10 s." };
}

/** A context where the first of four attempts has just ended. */
const first = {
  automaticAttempts: 1,
  maxRetries: 3,
  backoffSeconds: 10,
  random: () => 0.5,
  nowMs: Date.UTC(2026, 0, 1),
};

/** The smallest and the largest delay that chance can bring. */
function delays(result: AttemptResult, context: Partial<typeof first> = {}): number[] {
  return [0, 1].map((draw) => {
    const outcome = decideOutcome(result, { ...first, ...context, random: () => draw });
    if (outcome.kind !== "retry") throw new Error(`not retried: ${outcome.kind}`);
    return outcome.delaySeconds;
  });
}

test.each(rowsOf<Case>("status"))("$id: $input.status, $why", ({ input, expect: expected }) => {
  expect(decideOutcome(responded(input.status), first).kind).toBe(expected.class);
});

test.each(rowsOf<Case>("redirect"))("$id: $why", ({ input, expect: expected }) => {
  expect(errorCode(responded(input.status))).toBe(expected.error_code);
  expect(decideOutcome(responded(input.status), first).kind).toBe("retry");
});

test.each(rowsOf<Case>("retry_after: failure"))("$id: $why", ({ input, expect: expected }) => {
  const [least = 0, most = 0] = expected.delay_s ?? [];
  const value = [input.retry_after ?? []].flat().join(", ");
  const [shortest = -1, longest = Infinity] = delays(responded(input.status, value), {
    automaticAttempts: input.attempt ?? 1,
    backoffSeconds: input.retry_backoff_seconds ?? 10,
    nowMs: Date.parse(input.now ?? ""),
  });
  expect(shortest).toBeGreaterThanOrEqual(least);
  expect(longest).toBeLessThanOrEqual(most + 1e-9);
});

test.each(rowsOf<Case>("retry_after: success"))("$id: $why", ({ input }) => {
  expect(decideOutcome(responded(input.status, "3600"), first)).toEqual({ kind: "delivered" });
});

test("2xx delivers and every other status from 100 to 999 does not", () => {
  for (let status = 100; status <= 999; status += 1) {
    const kind = decideOutcome(responded(status), first).kind;
    expect([status, kind]).toEqual([status, status >= 200 && status < 300 ? "delivered" : "retry"]);
  }
});

test.each([
  ...["timeout", "dns_error", "blocked_address", "blocked_url", "connect_refused"],
  ...["connection_reset", "connection_closed", "connection_failed", "tls_error"],
  ...["protocol_error", "headers_too_large", "unknown_outcome"],
] as UnansweredReason[])("%s is retried with the usual backoff", (reason) => {
  expect(delays(unanswered(reason))).toEqual([5, 10]);
  expect(errorCode(unanswered(reason))).toBe(reason);
  expect(describeFailure(unanswered(reason))).toBe("No answer came within 10 s.");
});

test("a delivery that keeps failing ends after 1 + max_retries attempts", () => {
  for (const maxRetries of [0, 1, 3, 10]) {
    let attempts = 1;
    const failing = responded(500);
    while (
      decideOutcome(failing, { ...first, automaticAttempts: attempts, maxRetries }).kind === "retry"
    ) {
      attempts += 1;
    }
    expect(attempts).toBe(1 + maxRetries);
  }
});

test("the last attempt may still deliver", () => {
  expect(decideOutcome(responded(204), { ...first, automaticAttempts: 4 })).toEqual({
    kind: "delivered",
  });
});

test("retries wait longer each time, and a delivery with only manual attempts waits like the first", () => {
  expect([0, 1, 2, 3].map((n) => delays(responded(500), { automaticAttempts: n }))).toEqual([
    [5, 10],
    [5, 10],
    [10, 20],
    [20, 40],
  ]);
});

test("Retry-After does not outlive the last retry, nor 24 hours", () => {
  const spent = { ...first, automaticAttempts: 4 };
  expect(decideOutcome(responded(429, "60"), spent)).toEqual({ kind: "failed" });
  expect(delays(responded(503, "86000"))).toEqual([86_000, 86_400]);
  expect(delays(responded(429, "Thu, 01 Jan 2026 01:00:00 GMT"))[0]).toBe(3600);
});

test("Retry-After counts on 429 and 503 only", () => {
  for (let status = 300; status <= 599; status += 1) {
    const honoured = (delays(responded(status, "3600"))[0] ?? 0) >= 3600;
    expect([status, honoured]).toEqual([status, status === 429 || status === 503]);
  }
});

test("a receiver is quiet for as long as it asks, an hour at the most, and never where the contract ignores it", () => {
  const quiet = (status: number, retryAfter: string, ignoresRetryAfter = false) =>
    quietSeconds(responded(status, retryAfter), { ignoresRetryAfter, nowMs: 0 });
  expect([quiet(429, "12"), quiet(503, "12"), quiet(429, "86400")]).toEqual([12, 12, 3600]);
  expect([quiet(500, "12"), quiet(429, "soon")]).toEqual([0, 0]);
  expect([quiet(429, "12", true), quiet(503, "12", true)]).toEqual([0, 0]);
});

test("a failure has a code and a sentence, a success has neither", () => {
  const told = [204, 302, 404, 500, 999].map((status) => [
    errorCode(responded(status)),
    describeFailure(responded(status)),
  ]);
  expect(told).toEqual([
    [null, null],
    ["redirect", "The receiver answered 302, a redirect; redirects are not followed."],
    ["http_status", "The receiver answered 404."],
    ["http_status", "The receiver answered 500."],
    ["http_status", "The receiver answered 999."],
  ]);
});

test("300 to 399 is a redirect, and nothing else", () => {
  for (const status of [199, 300, 301, 399, 400]) {
    const redirect = status >= 300 && status < 400;
    expect([status, errorCode(responded(status))]).toEqual([
      status,
      redirect ? "redirect" : "http_status",
    ]);
    expect(describeFailure(responded(status))?.includes("redirects")).toBe(redirect);
  }
});

test("an attempt without an answer asks for no delay", () => {
  expect(quietSeconds(unanswered("timeout"), { ignoresRetryAfter: false, nowMs: 0 })).toBe(0);
  expect(quietSeconds(responded(429), { ignoresRetryAfter: false, nowMs: 0 })).toBe(0);
});

test("a delay that a receiver asks for is spread over a tenth more, and the longer of the two delays counts", () => {
  const [least, most] = delays(responded(429, "100"));
  expect(least).toBe(100);
  expect(most).toBeCloseTo(110);
  expect(delays(responded(429, "7"))).toEqual([7, 10]);
});

test("the budget of attempts counts neither lost nor manual ones, and a lease outlasts its attempt", () => {
  expect(automaticAttempts({ attemptNumber: 9, crashCount: 2, manualCount: 4 })).toBe(3);
  // The attempt, a second for the body, and 15 s to wait and to commit.
  expect(leaseMs(10)).toBe(26_000);
  expect([bodyBudgetMs, commitMarginMs]).toEqual([1_000, 5_000]);
});
