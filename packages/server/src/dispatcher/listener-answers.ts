import { setTimeout as pause } from "node:timers/promises";
import { isAway, isRetryable } from "../db/errors.ts";
import {
  insertListenerRequest,
  listenerAnswerContext,
  listenerHeadersContext,
  listSettledRequestsOfAllTeams,
  takeListenerAnswer,
} from "../db/listener-requests.ts";
import type { Database } from "../db/pool.ts";
import type { LeasedDelivery } from "../domain/delivery.ts";
import type { ListenerAnswer } from "../domain/listeners.ts";
import type { AttemptResult } from "../domain/outcome.ts";
import { newId } from "../ids.ts";
import type { Keyring } from "../secrets.ts";
import { nothingSeen, type SendReport } from "./exchange.ts";

/** A signed request for a listener. */
export type ListenerRequest = {
  delivery: LeasedDelivery;
  /** Names and values in turn. */
  headers: readonly string[];
  timeoutMs: number;
};

/** Stores requests for listeners and waits for their answers, whichever process receives them. */
export type ListenerAnswers = {
  /**
   * Makes one request. Every result is a value; it rejects only when the database is away. `latencyMs`: the time of the
   * receiver, as the listener reports it; `tookMs`: the total time.
   */
  ask(request: ListenerRequest): Promise<SendReport & { tookMs: number }>;
  /** A request was answered. */
  settled(requestId: string): void;
  /** The process stops: waits only two more seconds for answers. */
  hurry(): void;
  close(): void;
};

export type ListenerAnswersDeps = {
  database: Database;
  keyring: Keyring;
  onError: (message: string, error: unknown) => void;
};

/** Finds answers whose notifications were missed. */
const pollMs = 1_000;
/** How long a process that stops waits for answers. */
const hurryMs = 2_000;
/** Half of the margin of a lease over its attempt. */
const awayMsMax = 5_000;
const bodyCharactersMax = 64 * 1024;

/** Opens the dispatcher's side of listeners. No database connection is held during the wait for an answer. */
export function openListenerAnswers({
  database,
  keyring,
  onError,
}: ListenerAnswersDeps): ListenerAnswers {
  const waiting = openWaiting((ids) =>
    listSettledRequestsOfAllTeams(database.sql, ids).catch((error) => {
      onError("answers of listeners could not be looked for", error);
      return [];
    }),
  );

  /** Writes the request, waits, and takes the answer: null without an answer, undefined without a listener. */
  async function exchange(id: string, { delivery, headers, timeoutMs }: ListenerRequest) {
    const { teamId, subscriptionId: listenerId } = delivery;
    const request = {
      ...{ teamId, id, listenerId, timeoutMs },
      deliveryId: delivery.id,
      eventId: delivery.eventId,
      eventType: delivery.eventType,
      createdAt: delivery.createdAt,
      attemptNumber: delivery.attemptNumber,
      sealedHeaders: keyring.seal(JSON.stringify(headers), listenerHeadersContext(teamId, id)),
    };
    // Before the write: the answer may arrive before the write returns.
    const over = waiting.wait(id, timeoutMs);
    try {
      const asked = await patiently(() => insertListenerRequest(database.sql, request));
      if (!asked) return undefined;
      waiting.written(id);
      await over;
    } finally {
      waiting.settle(id);
    }
    return await patiently(() => takeListenerAnswer(database.sql, { teamId, id }));
  }

  return {
    async ask(request) {
      const startedMs = performance.now();
      const id = newId();
      const sealed = await exchange(id, request);
      const tookMs = performance.now() - startedMs;
      if (sealed === undefined) return gone(tookMs, "The listener has ended.");
      if (sealed === null) return gone(tookMs, "The listener did not answer in time.");
      const answer = keyring.open(sealed, listenerAnswerContext(request.delivery.teamId, id));
      return answered(JSON.parse(answer) as ListenerAnswer, tookMs);
    },
    settled: waiting.settle,
    hurry: waiting.hurry,
    close: waiting.close,
  };
}

/** Requests that wait for their answers until they are settled or their time is over. */
type Waiting = {
  wait(id: string, ms: number): Promise<void>;
  /** The request is in the table: from now on its answer is looked for there. */
  written(id: string): void;
  settle(id: string): void;
  hurry(): void;
  close(): void;
};

type One = { settle: () => void; hurry: () => void; written: boolean };

/** `findSettled` says which written requests are settled; it is called each second, for all requests at once. */
function openWaiting(findSettled: (ids: string[]) => Promise<string[]>): Waiting {
  const waiting = new Map<string, One>();
  let hurried = false;
  let timer: NodeJS.Timeout | undefined;
  const settle = (id: string) => waiting.get(id)?.settle();

  function poll(): void {
    timer ??= setTimeout(async () => {
      const written = [...waiting].filter(([, one]) => one.written).map(([id]) => id);
      for (const id of written.length > 0 ? await findSettled(written) : []) settle(id);
      timer = undefined;
      if (waiting.size > 0) poll();
    }, pollMs);
  }

  return {
    wait: (id, ms) =>
      new Promise((resolve) => {
        let end = setTimeout(over, hurried ? Math.min(ms, hurryMs) : ms);
        function over() {
          clearTimeout(end);
          waiting.delete(id);
          resolve();
        }
        const hurry = () => {
          clearTimeout(end);
          end = setTimeout(over, Math.min(ms, hurryMs));
        };
        waiting.set(id, { settle: over, hurry, written: false });
        poll();
      }),
    written(id) {
      const one = waiting.get(id);
      if (one) one.written = true;
    },
    settle,
    hurry() {
      hurried = true;
      for (const one of waiting.values()) one.hurry();
    },
    close() {
      clearTimeout(timer);
      for (const one of [...waiting.values()]) one.settle();
    },
  };
}

/** Tries again while the database is away for a short time: the lease lasts longer. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  const untilMs = performance.now() + awayMsMax;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(isAway(error) || isRetryable(error)) || performance.now() >= untilMs) throw error;
      await pause(pollMs);
    }
  }
}

function gone(tookMs: number, detail: string): SendReport & { tookMs: number } {
  const result: AttemptResult = { kind: "unanswered", reason: "listener_gone", detail };
  return { result, latencyMs: tookMs, wire: nothingSeen, tookMs };
}

function answered(
  { status, headers, body, durationMs }: ListenerAnswer,
  tookMs: number,
): SendReport & { tookMs: number } {
  const bodyTruncated = body.length > bodyCharactersMax;
  // A program under development must not be able to pause its deliveries for an hour.
  const retryAfter = undefined;
  const text = bodyTruncated ? body.slice(0, bodyCharactersMax) : body;
  const responseHeaders = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [latin1(name), latin1(value)]),
  );
  return {
    result: { kind: "responded", status, body: text, bodyTruncated, retryAfter },
    latencyMs: Math.min(durationMs, tookMs),
    wire: { ...nothingSeen, responseHeaders },
    tookMs,
  };
}

/** A text as its bytes on the wire would be read. */
const latin1 = (text: string) => Buffer.from(text, "latin1").toString("latin1");
