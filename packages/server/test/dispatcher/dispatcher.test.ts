import { expect, test, vi } from "vitest";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import type { Database } from "../../src/db/sql.ts";
import { type Dispatcher, openDispatcher } from "../../src/dispatcher/dispatcher.ts";
import type { Target } from "../../src/dispatcher/targets.ts";
import type { AttemptResult } from "../../src/domain/outcome.ts";
import { newId, newLeaseOwner } from "../../src/ids.ts";
import { openKeyring } from "../../src/secrets.ts";
import { leasedDelivery } from "../support/leased.ts";

const target: Target = {
  active: true,
  url: "http://receiver.test/",
  origin: "http://receiver.test",
  path: "/",
  refused: undefined,
  timeoutSeconds: 10,
  maxRetries: 3,
  backoffSeconds: 10,
  ignoresRetryAfter: false,
  signingSecrets: [],
  headers: [],
  bodySignature: undefined,
};

const ok: AttemptResult = {
  kind: "responded",
  status: 200,
  body: "",
  bodyTruncated: false,
  retryAfter: undefined,
};

/** A dispatcher whose receivers answer, and whose results are committed, when the test says so; its table is empty. */
function openWorld(concurrency: number) {
  const answers: (() => void)[] = [];
  const commits: (() => void)[] = [];
  const sql = () => Promise.resolve([]);
  const database = { sql: (first: unknown) => (typeof first === "string" ? sql : sql()) };
  const dispatcher = openDispatcher({
    database: database as unknown as Database,
    targets: { find: () => target, forget: () => {} },
    sender: {
      send: () =>
        new Promise((resolve) => {
          answers.push(() => resolve({ result: ok, latencyMs: 5 }));
        }),
      close: () => Promise.resolve(),
    },
    recorder: {
      record: (_record: AttemptRecord) =>
        new Promise((resolve) => {
          commits.push(() => resolve(true));
        }),
      release: () => Promise.resolve(),
      waiting: 0,
      idle: () => Promise.resolve(),
    },
    keyring: openKeyring([Buffer.alloc(32, 7)]),
    leaseOwner: newLeaseOwner(),
    random: () => 0.5,
    nowMs: Date.now,
    concurrency,
    subscriptionConcurrency: 256,
    onLeaseLost: () => {},
    onError: (message, error) => {
      throw new Error(message, { cause: error });
    },
  });
  return { dispatcher, answers, commits };
}

/** Sends one straight from its transaction; one that crashed before makes the dispatcher look for others at its end. */
function send({ hotPath }: Dispatcher, subscriptionId: string, crashCount = 0): void {
  const delivery = leasedDelivery({ subscriptionId, crashCount });
  if (!hotPath.reserve(subscriptionId, delivery.payload.length)) throw new Error("no room");
  hotPath.accept([delivery], performance.now());
}

/** How many new receivers find a place, each with its first delivery. */
function countNewOnes({ hotPath }: Dispatcher): number {
  let count = 0;
  while (count < 10_000 && hotPath.reserve(newId(), 2)) count++;
  return count;
}

const callAll = (functions: (() => void)[], count = functions.length): void => {
  for (const call of functions.splice(0, count)) call();
};

const turnOfEventLoop = () => vi.advanceTimersByTimeAsync(0);

test("a receiver that falls silent while its results are committed leaves every share as it was", async () => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout", "Date"] });
  try {
    const { dispatcher, answers, commits } = openWorld(100);
    const untouched = countNewOnes(openWorld(100).dispatcher);
    const subscriptionId = newId();
    // The first answer makes it a quick one.
    send(dispatcher, subscriptionId);
    await turnOfEventLoop();
    callAll(answers);
    await turnOfEventLoop();
    callAll(commits);
    await turnOfEventLoop();
    // Ten are answered, and an eleventh hangs.
    for (let count = 0; count < 11; count++) send(dispatcher, subscriptionId, count === 0 ? 2 : 0);
    await turnOfEventLoop();
    callAll(answers, 10);
    await turnOfEventLoop();
    expect([dispatcher.inFlight, dispatcher.held, commits.length]).toEqual([1, 11, 10]);
    // After more than a second their results are committed together, and the first one's end makes the dispatcher look
    // around: it finds the eleventh silent.
    await vi.advanceTimersByTimeAsync(1_500);
    callAll(commits);
    await turnOfEventLoop();
    callAll(answers);
    await turnOfEventLoop();
    callAll(commits);
    await turnOfEventLoop();
    expect([dispatcher.inFlight, dispatcher.held]).toEqual([0, 0]);
    expect(countNewOnes(dispatcher)).toBe(untouched);
  } finally {
    vi.useRealTimers();
  }
});
