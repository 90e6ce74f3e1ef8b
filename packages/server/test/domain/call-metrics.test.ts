import { expect, test } from "vitest";
import { callMetrics } from "../../src/domain/call-metrics.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
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

test("a call without messages has no response times, and interruptions only if they are reported", () => {
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

test.each([
  [[7], 7, 7, 7, 7, 7, 7],
  [[7, 8], 7, 8, 8, 7, 8, 8],
  [[300, 100, 201], 100, 300, 200, 201, 300, 300],
  [[1, 1, 2, 2], 1, 2, 2, 1, 2, 2],
])(
  "of %j ms the least is %d, the most %d, the average %d and the ranks %d, %d and %d",
  (...row) => {
    const [times, min, max, average, p50, p90, p95] = row;
    const messages = times.flatMap((time, n) => [
      said("user", n * 1_000),
      said("assistant", n * 1_000 + time),
    ]);
    const { responseTimeMs } = callMetrics({ durationMs: null }, messages);
    expect(responseTimeMs).toEqual({ min, max, average, p50, p90, p95 });
  },
);

test("turns are numbered from 1", () => {
  const messages = [said("user", 0), said("assistant", 1), said("user", 2), said("assistant", 3)];
  const { turns } = callMetrics({ durationMs: null }, messages);
  expect(turns.map(({ turn }) => turn)).toEqual([1, 2]);
});

test("what a platform reports of a message may be any JSON, and says then nothing of interruptions", () => {
  const odd = ["null", "1", '"interrupted"', "[]", "{}"].map((metrics, n) => ({
    ...said("assistant", n),
    metrics: metrics as JsonText,
  }));
  expect(callMetrics({ durationMs: null }, odd).interruptionCount).toBeNull();
  const none = [said("assistant", 0, { interrupted: false })];
  expect(callMetrics({ durationMs: null }, none).interruptionCount).toBe(0);
});
