import { randomBytes } from "node:crypto";
import { type AttemptRecord, responseBodyContext, responseHeadersContext } from "../db/attempts.ts";
import { payloadContext } from "../db/events.ts";
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
  quietSeconds,
} from "../domain/outcome.ts";
import { packProof, type RequestProof } from "../domain/request-head.ts";
import { keptResponseHeaders } from "../domain/response-headers.ts";
import type { Tally } from "../domain/tally.ts";
import { roundedTiming } from "../domain/timing.ts";
import { traceHeaders } from "../domain/trace-context.ts";
import { reach } from "../fault-points.ts";
import { hmacSha256 } from "../hmac.ts";
import { newId, publicEventId } from "../ids.ts";
import { openValue } from "../sealed-values.ts";
import { type Keyring, SealError } from "../secrets.ts";
import type { Tracing } from "../tracing.ts";
import { endSpan } from "./attempt-span.ts";
import { nothingSeen } from "./exchange.ts";
import type { ListenerAnswers } from "./listener-answers.ts";
import type { Recorder } from "./recorder.ts";
import type { Sender, SendReport } from "./send.ts";
import { quickMs } from "./standing.ts";
import type { BodySigning, Target, Targets } from "./targets.ts";

/** How an attempt ended, for the dispatcher. */
export type Attempted =
  /**
   * A request was made (or refused before it was sent). `quick`: it was over soon. `healthy`: it was over soon and
   * succeeded. For `quietMs` the receiver wants no further request. `written` resolves when the result is committed:
   * whether it changed the delivery, and in how many milliseconds a retry is due, if there is one.
   */
  | {
      kind: "attempted";
      quick: boolean;
      /** The receiver answered. */
      answered: boolean;
      healthy: boolean;
      overburdened: boolean;
      quietMs: number;
      written: Promise<Written>;
    }
  /** Nothing was sent, and the lease was released. */
  | { kind: "released" };

type Written = { moved: boolean; delivered: boolean; retryInMs: number | undefined };

export type AttemptDeps = {
  targets: Targets;
  sender: Sender;
  /** Stores requests for listeners and waits for their answers. */
  answers: ListenerAnswers;
  recorder: Recorder;
  keyring: Keyring;
  random: () => number;
  nowMs: () => number;
  /** Undefined: tracing is off. */
  tracing?: Tracing | undefined;
  /** Called for each attempt whose result came after its lease had ended. */
  onLeaseLost: (delivery: LeasedDelivery) => void;
  /** Counts each attempt whose result is written. */
  tally?: Pick<Tally, "attempted">;
};

/**
 * Makes one attempt: sign, send, decide, record. Resolves when the request is over; its result may not be committed yet.
 *
 * `leaseLeftMs`: how long the lease certainly still lasts; an attempt that might take longer is not begun.
 */
export async function attempt(
  deps: AttemptDeps,
  delivery: LeasedDelivery,
  leaseLeftMs: () => number,
): Promise<Attempted> {
  const found = deps.targets.find(delivery.subscriptionId);
  // If the database is away, the delivery waits, as with an inactive target.
  const target = found instanceof Promise ? await found.catch(() => undefined) : found;
  if (!target?.active || leaseLeftMs() < longestAttemptMs(target)) {
    // It may be active again by now: the next claim must not use the outdated target.
    deps.targets.forget(delivery.subscriptionId);
    await deps.recorder.release(delivery);
    return { kind: "released" };
  }

  const body = openPayload(deps.keyring, delivery);
  const refused = target.refused ?? (body ? undefined : unreadable);
  reach("before_request", delivery.id);
  const span = deps.tracing?.open("attempt", "client", delivery.trace);
  const signed = refused
    ? undefined
    : signRequest(target, delivery, body ?? noBytes, {
        nowMs: deps.nowMs(),
        spanId: span?.spanId ?? newSpanId,
      });
  const { result, latencyMs, wire, tookMs } = signed
    ? await send(deps, target, delivery, { headers: signed.headers, body: body ?? noBytes })
    : { result: refused ?? unreadable, latencyMs: 0, wire: nothingSeen };

  const outcome = decideOutcome(result, {
    automaticAttempts: automaticAttempts(delivery),
    // An ordered delivery is sent at most once, whatever the subscription's policy.
    maxRetries: delivery.ordered ? 0 : target.maxRetries,
    backoffSeconds: target.backoffSeconds,
    random: deps.random,
    nowMs: deps.nowMs(),
  });
  const seen = result.kind === "responded" ? result : result.seen;
  if (span) endSpan(span, { delivery, target, result, outcome });
  const keptBody = kept(deps.keyring, delivery, seen?.body ?? null, responseBodyContext);
  const keptHeaders = kept(
    deps.keyring,
    delivery,
    wire.responseHeaders.length === 0 ? null : keptResponseHeaders(wire.responseHeaders),
    responseHeadersContext,
  );
  const head = signed && target.head;
  // Member by member: an object with spread members takes five times the memory, and reading it takes longer.
  const record: AttemptRecord = {
    teamId: delivery.teamId,
    deliveryId: delivery.id,
    subscriptionId: delivery.subscriptionId,
    eventType: delivery.eventType,
    createdAt: delivery.createdAt,
    leaseToken: delivery.leaseToken,
    number: delivery.attemptNumber,
    attemptId: newId(),
    requestUrl: target.url,
    statusCode: seen?.status ?? null,
    responseBody: keptBody.open,
    sealedResponseBody: keptBody.sealed,
    responseTruncated: result.kind === "responded" ? result.bodyTruncated : seen !== undefined,
    errorCode: errorCode(result),
    errorMessage: describeFailure(result),
    latencyMs: Math.round(latencyMs),
    manual: delivery.manual,
    probe: delivery.breaker === "probes",
    actor: delivery.actor,
    outcome: outcome.kind,
    delayMs: outcome.kind === "retry" ? Math.round(outcome.delaySeconds * 1_000) : null,
    address: wire.address,
    timing: roundedTiming(wire.timing),
    requestHeadId: head ? head.id : null,
    requestProof: head ? packProof(signed.proof) : null,
    responseHeaders: keptHeaders.open,
    sealedResponseHeaders: keptHeaders.sealed,
  };
  const quick = (tookMs ?? latencyMs) < quickMs;
  return {
    kind: "attempted",
    quick,
    answered: result.kind === "responded",
    healthy: quick && outcome.kind === "delivered",
    overburdened: isOverburdened(result),
    quietMs:
      quietSeconds(result, {
        ignoresRetryAfter: target.ignoresRetryAfter,
        nowMs: deps.nowMs(),
      }) * 1_000,
    written: write(deps, delivery, record),
  };
}

/** Sends a signed request to the receiver, or to the listener if the target is one. */
function send(
  { sender, answers }: AttemptDeps,
  { listener, origin, path, timeoutSeconds }: Target,
  delivery: LeasedDelivery,
  { headers, body }: { headers: readonly string[]; body: Buffer },
): Promise<SendReport & { tookMs?: number }> {
  const timeoutMs = timeoutSeconds * 1_000;
  return listener
    ? answers.ask({ delivery, headers, timeoutMs })
    : sender.send({ origin, path, headers, body, timeoutMs });
}

async function write(
  deps: AttemptDeps,
  delivery: LeasedDelivery,
  record: AttemptRecord,
): Promise<Written> {
  const moved = await deps.recorder.record(record);
  if (!moved) deps.onLeaseLost(delivery);
  const { outcome, errorCode, latencyMs } = record;
  const { contract } = delivery;
  deps.tally?.attempted({ contract, outcome, errorCode, latencyMs, moved });
  const delivered = outcome === "delivered";
  return { moved, delivered, retryInMs: moved ? (record.delayMs ?? undefined) : undefined };
}

/** The headers of one attempt: the target's own, the contract's signature, the three of Standard Webhooks, and the trace. */
function signRequest(
  target: Target,
  delivery: LeasedDelivery,
  body: Buffer,
  { nowMs, spanId }: { nowMs: number; spanId: string | (() => string) },
): { headers: string[]; proof: RequestProof } {
  const id = publicEventId(delivery.eventId);
  const timestamp = Math.floor(nowMs / 1_000);
  const signatures = target.signingSecrets.map((secret) =>
    hmacSha256(secret, `${id}.${timestamp}.`, body, "base64"),
  );
  const bodySignature =
    target.bodySignature && hmacSha256(target.bodySignature.key, "", body, "hex");
  return {
    headers: [
      ...target.headers,
      ...bodySignatureHeaders(target.bodySignature, bodySignature, timestamp),
      "webhook-id",
      id,
      "webhook-timestamp",
      String(timestamp),
      "webhook-signature",
      signatures.map((signature) => `v1,${signature}`).join(" "),
      ...(delivery.trace === null
        ? []
        : traceHeaders(delivery.trace, typeof spanId === "string" ? spanId : spanId())),
    ],
    proof: { timestamp, bodySignature, signatures },
  };
}

const spanIdBytes = 8;
const newSpanId = (): string => randomBytes(spanIdBytes).toString("hex");

function bodySignatureHeaders(
  signing: BodySigning | undefined,
  signature: string | undefined,
  timestamp: number,
): string[] {
  if (!signing || !signature) return [];
  const { header, timestampHeader } = signing;
  const time = timestampHeader === undefined ? [] : [timestampHeader, String(timestamp)];
  return [header, signature, ...time];
}

const noBytes = Buffer.alloc(0);

/** The result of an attempt whose payload was altered in the database, or sealed by a lost key. */
const unreadable: AttemptResult = {
  kind: "unanswered",
  reason: "decrypt_failed",
  detail: "The event's payload cannot be opened.",
};

function openPayload(keyring: Keyring, delivery: LeasedDelivery): Buffer | undefined {
  const { teamId, eventId, payload } = delivery;
  try {
    return openValue(keyring, payload, payloadContext(teamId, eventId));
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/** A part of the answer as it is stored: sealed if the payload is. */
function kept(
  keyring: Keyring,
  { teamId, id, attemptNumber, sealed }: LeasedDelivery,
  text: string | null,
  contextOf: typeof responseBodyContext,
): { open: string | null; sealed: Buffer | null } {
  if (!sealed || !text) return { open: text, sealed: null };
  return { open: null, sealed: keyring.seal(text, contextOf(teamId, id, attemptNumber)) };
}

const longestAttemptMs = (target: Target): number =>
  target.timeoutSeconds * 1_000 + bodyBudgetMs + commitMarginMs;

/** Says whether the receiver showed that it is overloaded: a timeout, 429, or any 5xx. */
const isOverburdened = (result: AttemptResult): boolean =>
  result.kind === "responded"
    ? result.status === 429 || result.status >= 500
    : result.reason === "timeout";
