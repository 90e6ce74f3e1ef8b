import { sign } from "@postrider/sdk/sign";
import type { AttemptRecord } from "../db/deliveries.ts";
import {
  automaticAttempts,
  bodyBudgetMs,
  commitMarginMs,
  type LeasedDelivery,
} from "../domain/delivery.ts";
import {
  type AttemptResult,
  decideOutcome,
  describeFailure,
  errorCode,
} from "../domain/outcome.ts";
import { reach } from "../fault-points.ts";
import { newId, publicEventId } from "../ids.ts";
import type { Recorder } from "./recorder.ts";
import type { Sender } from "./send.ts";
import type { Target, Targets } from "./targets.ts";

/** How an attempt ended, as the dispatcher needs to know it. */
export type Attempted =
  /** A request was made (or refused before it left); `healthy`: answered quickly and well. */
  | { kind: "attempted"; healthy: boolean; overburdened: boolean; retryInMs: number | undefined }
  /** Nothing was sent and the lease was given back. */
  | { kind: "released" };

export type AttemptDeps = {
  targets: Targets;
  sender: Sender;
  recorder: Recorder;
  random: () => number;
  nowMs: () => number;
  /** Told of each attempt whose result was logged too late to count. */
  onLeaseLost: (delivery: LeasedDelivery) => void;
};

/** An answer within this time shows that the receiver can take more at once. */
const quickMs = 1_000;

/**
 * Makes one attempt: sign, send, decide, record. Resolves when the result is committed.
 *
 * `leaseLeftMs` tells how long the lease surely lasts still; an attempt that might outlive it is not begun.
 */
export async function attempt(
  deps: AttemptDeps,
  delivery: LeasedDelivery,
  leaseLeftMs: () => number,
): Promise<Attempted> {
  const found = deps.targets.find(delivery.subscriptionId);
  // A database that is away means "not now", as an inactive target does.
  const target = found instanceof Promise ? await found.catch(() => undefined) : found;
  if (!target?.active || leaseLeftMs() < longestAttemptMs(target)) {
    // Should it be active after all by now, the next claim must not meet the same old news.
    deps.targets.forget(delivery.subscriptionId);
    await deps.recorder.release(delivery);
    return { kind: "released" };
  }

  reach("before_request", delivery.id);
  const { result, latencyMs } = target.refused
    ? { result: target.refused, latencyMs: 0 }
    : await deps.sender.send({
        origin: target.origin,
        path: target.path,
        headers: requestHeaders(target, delivery, deps.nowMs()),
        body: delivery.payload,
        timeoutMs: target.timeoutSeconds * 1_000,
      });

  const outcome = decideOutcome(result, {
    automaticAttempts: automaticAttempts(delivery),
    // Where order counts a request is made at most once, whatever the subscription's policy.
    maxRetries: delivery.ordered ? 0 : target.maxRetries,
    backoffSeconds: target.backoffSeconds,
    random: deps.random,
    nowMs: deps.nowMs(),
  });
  const record: AttemptRecord = {
    teamId: delivery.teamId,
    deliveryId: delivery.id,
    createdAt: delivery.createdAt,
    leaseToken: delivery.leaseToken,
    number: delivery.attemptNumber,
    attemptId: newId(),
    requestUrl: target.url,
    statusCode: result.kind === "responded" ? result.status : null,
    responseBody: result.kind === "responded" ? result.body : null,
    responseTruncated: result.kind === "responded" && result.bodyTruncated,
    errorCode: errorCode(result),
    errorMessage: describeFailure(result),
    latencyMs: Math.round(latencyMs),
    manual: delivery.manual,
    actor: delivery.actor,
    outcome: outcome.kind,
    delayMs: outcome.kind === "retry" ? Math.round(outcome.delaySeconds * 1_000) : null,
  };
  const moved = await deps.recorder.record(record);
  if (!moved) deps.onLeaseLost(delivery);

  return {
    kind: "attempted",
    healthy: outcome.kind === "delivered" && latencyMs < quickMs,
    overburdened: isOverburdened(result),
    retryInMs: moved ? (record.delayMs ?? undefined) : undefined,
  };
}

/** The headers of one attempt: the target's own, and the three of Standard Webhooks with a fresh time and signature. */
function requestHeaders(target: Target, delivery: LeasedDelivery, nowMs: number): string[] {
  const id = publicEventId(delivery.eventId);
  const timestamp = Math.floor(nowMs / 1_000);
  const signatures = target.signingSecrets.map((secret) =>
    sign(secret, id, timestamp, delivery.payload),
  );
  return [
    ...target.headers,
    ...target.payloadHeaders(delivery.payload),
    "webhook-id",
    id,
    "webhook-timestamp",
    String(timestamp),
    "webhook-signature",
    signatures.join(" "),
  ];
}

const longestAttemptMs = (target: Target): number =>
  target.timeoutSeconds * 1_000 + bodyBudgetMs + commitMarginMs;

/** Says whether the receiver showed that it cannot keep up: a timeout, 429, or any 5xx. */
const isOverburdened = (result: AttemptResult): boolean =>
  result.kind === "responded"
    ? result.status === 429 || result.status >= 500
    : result.reason === "timeout";
