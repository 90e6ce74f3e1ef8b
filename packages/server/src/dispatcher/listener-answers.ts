import { setTimeout as pause } from "node:timers/promises";
import {
  insertListenerRequest,
  listenerAnswerPlace,
  listenerHeadersPlace,
  listSettledRequestsOfAllTeams,
  takeListenerAnswer,
} from "../db/listener-requests.ts";
import { type Database, isAway } from "../db/sql.ts";
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

/** Puts requests where listeners fetch them, and waits for their answers, whichever process is told them. */
export type ListenerAnswers = {
  /**
   * Makes one request. Every way it can end is a value, but for a database that is away. `latencyMs` is what the listener
   * says that its receiver took; `tookMs` is the whole way.
   */
  ask(request: ListenerRequest): Promise<SendReport & { tookMs: number }>;
  /** A request was answered. */
  settled(requestId: string): void;
  /** The process stops: what is not answered within moments is not waited for. */
  hurry(): void;
  close(): void;
};

export type ListenerAnswersDeps = {
  database: Database;
  keyring: Keyring;
  onError: (message: string, error: unknown) => void;
};

/** For notifications that were missed. */
const pollMs = 1_000;
/** How long a process that stops waits for answers. */
const hurryMs = 2_000;
/** Half of what a lease outlasts its attempt by. */
const awayMsMax = 5_000;
const bodyCharactersMax = 64 * 1024;

/** Opens the dispatcher's side of listeners. No connection is held while an answer is waited for. */
export function openListenerAnswers({
  database,
  keyring,
  onError,
}: ListenerAnswersDeps): ListenerAnswers {
  const waiting = new Map<string, { settle: () => void; hurry: () => void }>();
  let hurried = false;
  let timer: NodeJS.Timeout | undefined;

  function poll(): void {
    timer ??= setTimeout(() => {
      listSettledRequestsOfAllTeams(database.sql, [...waiting.keys()])
        .then((ids) => ids.forEach(settled))
        .catch((error) => onError("answers of listeners could not be looked for", error))
        .finally(() => {
          timer = undefined;
          if (waiting.size > 0) poll();
        });
    }, pollMs);
  }

  function settled(id: string): void {
    waiting.get(id)?.settle();
  }

  /** Resolves when the request is answered or over, or its time is. */
  function wait(id: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      let end = setTimeout(settle, hurried ? Math.min(ms, hurryMs) : ms);
      function settle() {
        clearTimeout(end);
        waiting.delete(id);
        resolve();
      }
      const hurry = () => {
        clearTimeout(end);
        end = setTimeout(settle, Math.min(ms, hurryMs));
      };
      waiting.set(id, { settle, hurry });
      poll();
    });
  }

  return {
    async ask({ delivery, headers, timeoutMs }) {
      const startedMs = performance.now();
      const { teamId, subscriptionId: listenerId } = delivery;
      const id = newId();
      const since = () => performance.now() - startedMs;
      // Before it is written: whoever is told of it may answer before that returns.
      const over = wait(id, timeoutMs);
      try {
        const request = {
          ...{ teamId, id, listenerId, timeoutMs },
          deliveryId: delivery.id,
          eventId: delivery.eventId,
          eventType: delivery.eventType,
          createdAt: delivery.createdAt,
          attemptNumber: delivery.attemptNumber,
          sealedHeaders: keyring.seal(JSON.stringify(headers), listenerHeadersPlace(teamId, id)),
        };
        const asked = await patiently(() => insertListenerRequest(database.sql, request));
        if (!asked) return gone(since(), "The listener has ended.");
        await over;
      } finally {
        settled(id);
      }
      const sealed = await patiently(() => takeListenerAnswer(database.sql, { teamId, id }));
      if (sealed === undefined) return gone(since(), "The listener ended before it answered.");
      if (sealed === null) return gone(since(), "The listener did not answer in time.");
      const answer = keyring.open(sealed, listenerAnswerPlace(teamId, id));
      return answered(JSON.parse(answer) as ListenerAnswer, since());
    },
    settled,
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

/** Tries again while the database is away for a moment: a lease lasts longer than that. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  const untilMs = performance.now() + awayMsMax;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || performance.now() >= untilMs) throw error;
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
  // Nobody is to be kept quiet for an hour because a program that is being written says so.
  const retryAfter = undefined;
  const text = bodyTruncated ? body.slice(0, bodyCharactersMax) : body;
  const responseHeaders = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [Buffer.from(name, "latin1"), Buffer.from(value, "latin1")]),
  );
  return {
    result: { kind: "responded", status, body: text, bodyTruncated, retryAfter },
    latencyMs: Math.min(durationMs, tookMs),
    wire: { ...nothingSeen, responseHeaders },
    tookMs,
  };
}
