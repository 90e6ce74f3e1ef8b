import { onTestFinished, vi } from "vitest";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import type { Unsent } from "../../src/db/deliveries.ts";
import { openDispatcher } from "../../src/dispatcher/dispatcher.ts";
import { nothingSeen } from "../../src/dispatcher/exchange.ts";
import type { SendReport } from "../../src/dispatcher/send.ts";
import type { Target } from "../../src/dispatcher/targets.ts";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import { newId, newLeaseOwner } from "../../src/ids.ts";
import { openKeyring } from "../../src/secrets.ts";
import { asDatabase, openClaimTable, type TableRow } from "./claim-table.ts";
import { leasedDelivery, noListeners } from "./leased.ts";

const target: Target = {
  active: true,
  url: "http://receiver.test/",
  origin: "http://receiver.test",
  path: "/",
  refused: undefined,
  timeoutSeconds: 10,
  maxRetries: 3,
  backoffSeconds: 0.4,
  ignoresRetryAfter: false,
  signingSecrets: [],
  headers: [],
  bodySignature: undefined,
  head: undefined,
};

/** A request that is on its way. */
type Request = {
  to: string;
  /** Its receiver answers. */
  answer(status?: number, latencyMs?: number, retryAfter?: string): void;
  /** It hangs until its timeout. */
  timeOut(): void;
  /** Something breaks that should not. */
  break(): void;
};

/** A result that is on its way to the table. */
type Result = { record: AttemptRecord; commit(moved?: boolean): void; fail(): void };

/**
 * A dispatcher over a table with these rows, whose receivers answer and whose results are committed when the test says
 * so. Needs `claimsOfTable` in place of `db/claims.ts`, and `walkOfTable` in place of `db/due-walk.ts`.
 */
export function openDispatcherWorld(
  rows: readonly TableRow[] = [],
  { concurrency = 100, subscriptionConcurrency = 256 } = {},
) {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout", "Date"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const table = openClaimTable(rows);
  const requests: Request[] = [];
  const results: Result[] = [];
  const released: Unsent[] = [];
  const errors: string[] = [];
  const walks: (readonly string[])[] = [];
  const inactive = new Set<string>();
  const recorder = { releaseFails: false, idle: Promise.resolve() };
  const { walk } = table;
  table.walk = (after, limit, ended) => {
    walks.push([...ended]);
    return walk(after, limit, ended);
  };
  const send = ({ path }: { path: string }) =>
    new Promise<SendReport>((resolve, reject) => {
      requests.push({
        to: path.slice(1),
        answer: (status = 200, latencyMs = 5, retryAfter = undefined) => {
          const result = { kind: "responded", status, body: "", bodyTruncated: false } as const;
          resolve({ result: { ...result, retryAfter }, latencyMs, wire: nothingSeen });
        },
        timeOut: () => {
          const result = { kind: "unanswered", reason: "timeout", detail: "It hung." } as const;
          resolve({ result, latencyMs: 10_000, wire: nothingSeen });
        },
        break: () => reject(new Error("broken")),
      });
    });
  const record = (record: AttemptRecord) =>
    new Promise<boolean>((resolve, reject) => {
      results.push({
        record,
        commit: (moved = true) => resolve(moved),
        fail: () => reject(new Error("away")),
      });
    });
  const dispatcher = openDispatcher({
    database: asDatabase(table),
    targets: {
      find: (id) => ({ ...target, path: `/${id}`, active: !inactive.has(id) }),
      forget: () => {},
    },
    answers: noListeners,
    sender: { send, close: () => Promise.resolve() },
    recorder: {
      record,
      release: async (unsent) => {
        if (recorder.releaseFails) throw new Error("away");
        released.push(unsent);
      },
      waiting: 0,
      idle: () => recorder.idle,
    },
    keyring: openKeyring([Buffer.alloc(32, 7)]),
    leaseOwner: newLeaseOwner(),
    random: () => 1,
    nowMs: Date.now,
    concurrency,
    subscriptionConcurrency,
    onLeaseLost: () => {},
    onError: (message) => errors.push(message),
  });
  const { hotPath } = dispatcher;

  /** Time passes, and what may happen happens. */
  const pass = async (ms = 0) => {
    await vi.advanceTimersByTimeAsync(ms);
  };
  /** Reserves a place in a subscription's lane, and says whether there was one. */
  const reserve = (subscriptionId: string) => hotPath.reserve(subscriptionId, 2);
  /** Takes deliveries straight from their transaction, as far as there is room; says how many that were. */
  async function take(subscriptionId: string, count = 1, given: Partial<LeasedDelivery> = {}) {
    let taken = 0;
    for (; taken < count && reserve(subscriptionId); taken++) {
      hotPath.accept([leasedDelivery({ subscriptionId, ...given })], performance.now());
    }
    await pass();
    return taken;
  }
  async function answerAll(...given: Parameters<Request["answer"]>) {
    for (const request of requests.splice(0)) request.answer(...given);
    await pass();
  }
  async function commitAll(moved?: boolean) {
    for (const result of results.splice(0)) result.commit(moved);
    await pass();
  }
  return {
    ...{ dispatcher, table, requests, results, released, errors, walks, inactive, recorder },
    ...{ pass, reserve, take, answerAll, commitAll },
    /** One delivery arrives and its receiver is known to be quick. */
    async prove(subscriptionId: string) {
      await take(subscriptionId);
      await answerAll();
      await commitAll();
    },
    /** How many new receivers find a place, each for its first delivery. */
    countSlots(): number {
      const ids: string[] = [];
      for (let id = newId(); ids.length < 10_000 && reserve(id); id = newId()) ids.push(id);
      for (const id of ids) hotPath.cancel(id, 2);
      return ids.length;
    },
  };
}
