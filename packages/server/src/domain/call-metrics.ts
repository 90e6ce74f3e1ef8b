import type { Call, Message } from "./lifecycle/call.ts";

/** How long the assistant took to answer one message of the user. */
export type Turn = {
  turn: number;
  userMessageId: string;
  assistantMessageId: string;
  responseTimeMs: number;
};

/** A call's metrics, computed from its messages. Times are milliseconds by the platform's clock. */
export type CallMetrics = {
  durationMs: number | null;
  messageCount: number;
  turnCount: number;
  turns: Turn[];
  responseTimeMs: {
    min: number;
    max: number;
    average: number;
    p50: number;
    p90: number;
    p95: number;
  } | null;
  /** Messages that were reported as interrupted; null when no message says whether it was. */
  interruptionCount: number | null;
};

/**
 * Computes a call's metrics. A turn is a user's message and the assistant's first one after it; of several user
 * messages in a row the last one counts, because that is what was answered.
 */
export function callMetrics(
  call: Pick<Call, "durationMs">,
  messages: readonly Message[],
): CallMetrics {
  const turns = turnsOf(messages);
  const times = turns.map(({ responseTimeMs }) => responseTimeMs).sort((a, b) => a - b);
  const interruptions = messages.flatMap(({ metrics }) => interruptedIn(metrics));
  return {
    durationMs: call.durationMs,
    messageCount: messages.length,
    turnCount: turns.length,
    turns,
    responseTimeMs:
      times.length === 0
        ? null
        : {
            min: percentile(times, 0),
            max: percentile(times, 1),
            average: Math.round(times.reduce((sum, time) => sum + time, 0) / times.length),
            p50: percentile(times, 0.5),
            p90: percentile(times, 0.9),
            p95: percentile(times, 0.95),
          },
    interruptionCount:
      interruptions.length === 0 ? null : interruptions.filter((interrupted) => interrupted).length,
  };
}

function turnsOf(messages: readonly Message[]): Turn[] {
  const turns: Turn[] = [];
  let asked: Message | undefined;
  for (const message of messages) {
    if (message.role === "user") {
      asked = message;
    } else if (asked) {
      turns.push({
        turn: turns.length + 1,
        userMessageId: asked.messageId,
        assistantMessageId: message.messageId,
        // Clocks of a distributed platform may disagree; an answer never comes before its question.
        responseTimeMs: Math.max(0, message.timestampMs - asked.timestampMs),
      });
      asked = undefined;
    }
  }
  return turns;
}

/** The nearest-rank percentile of sorted numbers. */
function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}

function interruptedIn(metrics: string | null): boolean[] {
  if (metrics === null) return [];
  const value: unknown = JSON.parse(metrics);
  if (typeof value !== "object" || value === null || !("interrupted" in value)) return [];
  return typeof value.interrupted === "boolean" ? [value.interrupted] : [];
}
