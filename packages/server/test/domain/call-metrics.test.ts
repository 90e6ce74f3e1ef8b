import { expect, test } from "vitest";
import { callMetrics } from "../../src/domain/call-metrics.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import type { Message } from "../../src/domain/lifecycle/call.ts";

const said = (role: "user" | "assistant", timestampMs: number, metrics?: object): Message => ({
  messageId: `${role} ${timestampMs}`,
  role,
  text: "words",
  timestampMs,
  metrics: metrics ? jsonText(metrics) : null,
});

test("a turn is the last of the user's messages in a row and the assistant's first after it", () => {
  const { turns, turnCount } = callMetrics({ durationMs: 9_000 }, [
    said("assistant", 0),
    said("user", 1_000),
    said("user", 2_000),
    said("assistant", 2_500),
    said("assistant", 3_000),
    said("user", 4_000),
  ]);
  expect(turnCount).toBe(1);
  expect(turns).toEqual([
    {
      turn: 1,
      userMessageId: "user 2000",
      assistantMessageId: "assistant 2500",
      responseTimeMs: 500,
    },
  ]);
});

test("response times are summed up by nearest rank", () => {
  const messages = Array.from({ length: 10 }, (_, n) => [
    said("user", n * 10_000),
    said("assistant", n * 10_000 + (n + 1) * 100),
  ]).flat();
  expect(callMetrics({ durationMs: null }, messages)).toMatchObject({
    durationMs: null,
    messageCount: 20,
    turnCount: 10,
    responseTimeMs: { min: 100, max: 1_000, average: 550, p50: 500, p90: 900, p95: 1_000 },
  });
});

test("an answer whose clock is behind took no time", () => {
  const messages = [said("user", 5_000), said("assistant", 4_000)];
  expect(callMetrics({ durationMs: null }, messages).turns[0]?.responseTimeMs).toBe(0);
});

test("a call nobody spoke in has no response times, and interruptions only where they are told", () => {
  expect(callMetrics({ durationMs: 0 }, [])).toMatchObject({
    turnCount: 0,
    responseTimeMs: null,
    interruptionCount: null,
  });
  const messages = [
    said("assistant", 0, { interrupted: true }),
    said("assistant", 1, { interrupted: false }),
    said("assistant", 2, { interrupted: "yes" }),
    said("assistant", 3, [true]),
  ];
  expect(callMetrics({ durationMs: 0 }, messages).interruptionCount).toBe(1);
});
