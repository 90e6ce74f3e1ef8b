import { expect, test } from "vitest";
import type { Arrival, FactEntry } from "../journal.ts";
import { checkLedger, type DeliveryRow, type LedgerInput, type Subscription } from "../ledger.ts";
import { followSteadyReceiver, measureRecoveries } from "../timeline.ts";

const hook: Subscription = {
  id: "hook",
  name: "hook",
  eventTypes: ["workflow_run_started", "workflow_run_completed"],
  maxRetries: 2,
  redelivered: true,
  atMostOnce: false,
};
const assistant: Subscription = {
  id: "assistant",
  name: "assistant",
  eventTypes: ["status-update", "conversation-update", "end-of-call-report"],
  maxRetries: 0,
  redelivered: false,
  atMostOnce: true,
};

const told = (atMs: number, fact: string, word: FactEntry["word"], more = {}): FactEntry => ({
  atMs,
  fact,
  word,
  ...more,
});

const arrival = (subscriptionId: string, event: string, more: Partial<Arrival> = {}): Arrival => ({
  atMs: 20,
  subscriptionId,
  webhookId: `event_${event}`,
  event,
  digest: "d",
  answered: 204,
  ...more,
});

const row = (
  subscriptionId: string,
  event: string,
  more: Partial<DeliveryRow> = {},
): DeliveryRow => ({
  id: `${subscriptionId}/${event}`,
  subscriptionId,
  webhookId: `event_${event}`,
  event,
  digest: "d",
  status: "delivered",
  leased: false,
  attemptCount: 1,
  crashCount: 0,
  manualCount: 0,
  lastError: null,
  attemptRows: 1,
  successRows: 1,
  ...more,
});

/** One run that started and ended, and one call with a message: all told, all arrived. */
function blameless(): LedgerInput & {
  facts: FactEntry[];
  arrivals: Arrival[];
  deliveries: DeliveryRow[];
  subjects: { id: string; status: string }[];
} {
  const started = "workflow_run_started:r1";
  const completed = "workflow_run_completed:r1";
  const ongoing = "status-update:c1:ongoing";
  const said = "conversation-update:c1:1";
  return {
    subscriptions: [hook, assistant],
    facts: [
      told(1, "start r1", "attempted", { events: [started] }),
      told(2, "start r1", "unknown"),
      told(3, "start r1", "acknowledged", { service: 1 }),
      told(4, "end r1", "attempted", { events: [completed] }),
      told(5, "end r1", "acknowledged", { service: 0 }),
      told(6, "call c1", "attempted", { events: [ongoing], to: "assistant" }),
      told(7, "call c1", "acknowledged", { service: 0 }),
      told(8, "message c1 1", "attempted", { events: [said], to: "assistant" }),
      told(9, "message c1 1", "acknowledged", { service: 0 }),
    ],
    arrivals: [
      arrival("hook", started, { answered: 500 }),
      arrival("hook", started),
      arrival("hook", completed),
      arrival("assistant", ongoing),
      arrival("assistant", said),
    ],
    deliveries: [
      row("hook", started, { attemptCount: 2, attemptRows: 2 }),
      row("hook", completed),
      row("assistant", ongoing),
      row("assistant", said),
    ],
    subjects: [
      { id: "r1", status: "completed" },
      { id: "c1", status: "ongoing" },
    ],
  };
}

const rulesOf = (input: LedgerInput) => checkLedger(input).violations.map(({ rule }) => rule);

test("a blameless journal has nothing lost, unexpected or doubled", () => {
  expect(checkLedger(blameless())).toEqual({
    attempted: 4,
    acknowledged: 4,
    unknown: 0,
    doubtful: 1,
    recovered: 0,
    due: 4,
    arrivals: 5,
    lost: 0,
    unexpected: 0,
    duplicates: 0,
    failedRecorded: 0,
    violations: [],
  });
});

test("what was acknowledged and did not arrive is lost", () => {
  const input = blameless();
  input.arrivals.splice(2, 1);
  expect(checkLedger(input)).toMatchObject({ lost: 1 });
  expect(rulesOf(input)).toContain("lost");

  // Also when nobody knows of it any more: accepted, answered 201, and never written.
  input.deliveries.splice(1, 1);
  expect(rulesOf(input)).toEqual(["lost"]);
});

test("what its receiver never took is lost, however often it arrived", () => {
  const input = blameless();
  input.arrivals.splice(1, 1);
  expect(checkLedger(input)).toMatchObject({ lost: 1 });
});

test("what arrived and was never attempted is unexpected, for another one's subscription too", () => {
  const input = blameless();
  input.arrivals.push(arrival("hook", "workflow_run_started:r9"));
  input.arrivals.push(arrival("hook", "conversation-update:c1:1"));
  expect(checkLedger(input)).toMatchObject({ unexpected: 2 });
  expect(rulesOf(input)).toContain("unexpected");
});

test("a second request after the first was taken is a duplicate, and bounded", () => {
  const input = blameless();
  const again = arrival("hook", "workflow_run_completed:r1");
  input.arrivals.push(again);
  input.deliveries[1] = row("hook", again.event, { attemptCount: 2, attemptRows: 2 });
  expect(checkLedger(input)).toMatchObject({ duplicates: 1, violations: [] });

  // 1 + 2 retries + 3 crashes are six; the seventh is one too many.
  for (let count = 0; count < 5; count++) input.arrivals.push(again);
  input.deliveries[1] = row("hook", again.event, { attemptCount: 7, attemptRows: 7 });
  expect(rulesOf(input)).toEqual(["requests are bounded"]);
  // A person may ask for one more.
  input.deliveries[1] = { ...input.deliveries[1], manualCount: 1 };
  expect(rulesOf(input)).toEqual([]);
});

test("a call's message that is sent twice is found, and so is one that overtakes another", () => {
  const twice = blameless();
  twice.arrivals.push(arrival("assistant", "conversation-update:c1:1"));
  expect(rulesOf(twice)).toEqual(
    expect.arrayContaining(["requests are bounded", "a call is told in order"]),
  );
  const overtaken = blameless();
  overtaken.arrivals.push(...overtaken.arrivals.splice(3, 1));
  expect(rulesOf(overtaken)).toEqual(["a call is told in order"]);
});

test("a call's message that did not arrive is no loss when its attempt says so, and only then", () => {
  const input = blameless();
  input.arrivals.splice(4, 1);
  const failed = { status: "failed", successRows: 0, lastError: "unknown_outcome" } as const;
  input.deliveries[3] = row("assistant", "conversation-update:c1:1", failed);
  expect(checkLedger(input)).toMatchObject({ lost: 0, failedRecorded: 1, violations: [] });
  input.deliveries[3] = { ...input.deliveries[3], attemptRows: 0, attemptCount: 0 };
  expect(checkLedger(input)).toMatchObject({ lost: 1 });
});

test("a failed delivery of contract A is a loss: it was delivered again before the check", () => {
  const input = blameless();
  input.arrivals.splice(2, 1);
  input.deliveries[1] = row("hook", "workflow_run_completed:r1", {
    status: "failed",
    successRows: 0,
    attemptCount: 3,
    attemptRows: 3,
    lastError: "The receiver answered 500.",
  });
  expect(checkLedger(input)).toMatchObject({ lost: 1, failedRecorded: 0 });
});

test("a request without an attempt, a claimed success, other bytes and a bad signature are found", () => {
  const event = "workflow_run_completed:r1";
  const broken: Record<string, (input: ReturnType<typeof blameless>) => void> = {
    "every request has an attempt": (input) => {
      input.arrivals.push(arrival("hook", event));
    },
    "every attempt has its row": (input) => {
      input.deliveries[1] = row("hook", event, { attemptCount: 2 });
    },
    "no outcome that nobody observed": (input) => {
      input.deliveries[1] = row("hook", event, {
        attemptCount: 2,
        attemptRows: 2,
        successRows: 2,
      });
    },
    "the same bytes on all attempts": (input) => {
      input.arrivals[2] = arrival("hook", event, { digest: "other" });
    },
    "one webhook-id on all attempts": (input) => {
      input.arrivals[2] = arrival("hook", event, { webhookId: "event_other" });
    },
    "every request is signed": (input) => {
      input.arrivals[2] = arrival("hook", event, { signatureProblem: "No matching signature" });
    },
    "nothing is pending for ever": (input) => {
      input.deliveries[1] = row("hook", event, { status: "pending" });
    },
    "no lease is left": (input) => {
      input.deliveries[1] = row("hook", event, { leased: true });
    },
    "one event, one delivery": (input) => {
      input.deliveries.push(row("hook", event, { id: "another" }));
    },
    "every request has a delivery": (input) => {
      input.deliveries.splice(1, 1);
    },
    "no delivery without a fact": (input) => {
      input.deliveries.push(row("hook", "workflow_run_started:r9"));
    },
    "nothing is refused": (input) => {
      input.facts.push(told(10, "start r2", "attempted"), told(11, "start r2", "refused"));
    },
    "states follow the facts": (input) => {
      input.subjects[0] = { id: "r1", status: "started" };
    },
    "no subject without a fact": (input) => {
      input.subjects.push({ id: "r9", status: "started" });
    },
  };
  for (const [rule, breakIt] of Object.entries(broken)) {
    const input = blameless();
    breakIt(input);
    expect(rulesOf(input), rule).toContain(rule);
  }
});

test("what was never acknowledged may arrive or not; when it does, it is recovered", () => {
  const input = blameless();
  const event = "workflow_run_started:r2";
  input.facts.push(
    told(10, "start r2", "attempted", { events: [event] }),
    told(11, "start r2", "unknown"),
  );
  expect(checkLedger(input)).toMatchObject({ unknown: 1, recovered: 0, violations: [] });
  input.arrivals.push(arrival("hook", event));
  input.deliveries.push(row("hook", event));
  input.subjects.push({ id: "r2", status: "started" });
  expect(checkLedger(input)).toMatchObject({ unknown: 1, recovered: 1, violations: [] });
});

test("a stop counts only while something is due and something works", () => {
  const { facts } = blameless();
  const steady = { id: "hook", eventTypes: hook.eventTypes };
  const later = (atMs: number) => [
    arrival("hook", "workflow_run_started:r1", { atMs }),
    arrival("hook", "workflow_run_completed:r1", { atMs }),
  ];
  const follow = (incidents: { atMs: number; what: string; part: string; up: boolean }[]) =>
    followSteadyReceiver({ facts, arrivals: later(1_005), incidents, steady });
  expect(follow([])).toMatchObject({ longestStopMs: 1_002, longestStopAtMs: 3 });
  expect(
    follow([
      { atMs: 105, what: "", part: "database", up: false },
      { atMs: 905, what: "", part: "database", up: true },
    ]),
  ).toMatchObject({ longestStopMs: 202 });
  // One service of two is enough.
  expect(follow([{ atMs: 5, what: "", part: "service 0", up: false }]).longestStopMs).toBe(1_002);
});

test("a recovery lasts until the service that was hit acknowledges again, if nothing else hit it", () => {
  const { facts } = blameless();
  const kill = (startedAtMs: number, service: number | undefined) => ({
    kind: "kill",
    startedAtMs,
    endedAtMs: startedAtMs,
    service,
  });
  expect(measureRecoveries([kill(3, 0), kill(3, 1), kill(100, 1)], facts)).toEqual([
    { kind: "kill", count: 2, medianMs: 0, mostMs: 2 },
  ]);
  expect(measureRecoveries([kill(3, 0), kill(4, 0), kill(4, 1)], facts)).toEqual([
    { kind: "kill", count: 1, medianMs: 1, mostMs: 1 },
  ]);
  // What hits both comes between as well.
  expect(measureRecoveries([kill(3, 0), kill(4, undefined)], facts)).toHaveLength(1);
});
