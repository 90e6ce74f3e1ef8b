import { randomUUID } from "node:crypto";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import type { ListenerAnswers } from "../../src/dispatcher/listener-answers.ts";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import { newId } from "../../src/ids.ts";

/** A delivery under a lease, with nothing behind it in a database. */
export const leasedDelivery = (given: Partial<LeasedDelivery> = {}): LeasedDelivery => ({
  teamId: newId(),
  id: newId(),
  subscriptionId: newId(),
  eventId: randomUUID(),
  contract: "workflow",
  eventType: "workflow_created",
  payload: Buffer.from("{}"),
  trace: null,
  sealed: false,
  createdAt: "2026-01-01 00:00:00+00",
  leaseToken: randomUUID(),
  leaseMs: 26_000,
  ageMs: 0,
  attemptNumber: 1,
  crashCount: 0,
  manualCount: 0,
  manual: false,
  ordered: false,
  breaker: "waits",
  actor: "system",
  ...given,
});

/** For a test without listeners. */
export const noListeners: ListenerAnswers = {
  ask: () => Promise.reject(new Error("this test has no listener")),
  settled: () => {},
  hurry: () => {},
  close: () => {},
};

/** The result of an attempt that arrived; whose it is says the test. */
export const attemptRecord = (
  given: Partial<AttemptRecord> & Pick<AttemptRecord, "teamId" | "deliveryId" | "leaseToken">,
): AttemptRecord => ({
  subscriptionId: "0".repeat(24),
  eventType: "workflow_created",
  createdAt: "2026-11-21T10:30:00Z",
  number: 1,
  attemptId: "0".repeat(24),
  requestUrl: "https://receiver.example/",
  statusCode: 200,
  responseBody: "",
  sealedResponseBody: null,
  responseTruncated: false,
  errorCode: null,
  errorMessage: null,
  latencyMs: 5,
  manual: false,
  probe: false,
  actor: "system",
  outcome: "delivered",
  delayMs: null,
  address: null,
  timing: { dns: null, connect: null, tls: null, wait: null, read: null },
  requestHeadId: null,
  requestProof: null,
  responseHeaders: null,
  sealedResponseHeaders: null,
  ...given,
});
