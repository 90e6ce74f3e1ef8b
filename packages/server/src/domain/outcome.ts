import { retryDelaySeconds } from "./backoff.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** The result of one attempt: an answer, or why there is none. */
export type AttemptResult =
  | {
      /** A complete final response head came in time. */
      kind: "responded";
      status: number;
      body: string;
      bodyTruncated: boolean;
      /** The raw field value; repeated fields joined by ", ". */
      retryAfter: string | undefined;
    }
  | {
      kind: "unanswered";
      reason: UnansweredReason;
      /** One readable sentence, safe to show: no header value, secret or payload. */
      detail: string;
      /** The part of an invalid answer that arrived. It decides nothing, and helps people to find the fault. */
      seen?: SeenAnswer | undefined;
    };

/** The beginning of an answer whose head was incomplete or invalid. */
export type SeenAnswer = { status: number; body: string };

/** Why an attempt has no response. */
export type UnansweredReason =
  | "timeout"
  | "dns_error"
  | "blocked_address"
  | "blocked_url"
  | "blocked_header"
  | "connect_refused"
  | "connection_reset"
  | "connection_closed"
  | "connection_failed"
  | "proxy_error"
  | "tls_error"
  | "protocol_error"
  | "headers_too_large"
  | "decrypt_failed"
  | "listener_gone"
  | "unknown_outcome";

/** What follows a result. */
export type Outcome =
  | { kind: "delivered" }
  | { kind: "retry"; delaySeconds: number }
  | { kind: "failed" };

/** The retry policy of a delivery and how much of it is used. */
export type OutcomeContext = {
  /** Attempts so far, this one included, without crashed and manual ones; so it can be 0. */
  automaticAttempts: number;
  maxRetries: number;
  backoffSeconds: number;
  random: () => number;
  nowMs: number;
};

const delaySecondsMax = 86_400;
const retryAfterSpread = 0.1;
/** The longest time that one `Retry-After` pauses a subscription; then it gets requests again. */
const quietSecondsMax = 3_600;

/**
 * Decides what follows an attempt that ended. Every retry rule of the service is here, except for attempts whose process
 * died: crash-policy.ts.
 */
export function decideOutcome(result: AttemptResult, context: OutcomeContext): Outcome {
  if (isDelivered(result)) return { kind: "delivered" };
  if (context.automaticAttempts > context.maxRetries) return { kind: "failed" };

  const retryNumber = Math.max(1, context.automaticAttempts);
  const ownSeconds = retryDelaySeconds(context.backoffSeconds, retryNumber, context.random);
  return { kind: "retry", delaySeconds: Math.max(ownSeconds, requestedSeconds(result, context)) };
}

/**
 * Gives the seconds for which the receiver wants no request at all; 0 when it asked for no pause, or when the contract
 * ignores `Retry-After`.
 *
 * `Retry-After` is about the receiver, not about one request. The pause is an hour at most: a receiver that asks for a
 * day by mistake must not stop its subscription for a day.
 */
export function quietSeconds(
  result: AttemptResult,
  { ignoresRetryAfter, nowMs }: { ignoresRetryAfter: boolean; nowMs: number },
): number {
  return ignoresRetryAfter ? 0 : Math.min(quietSecondsMax, retryAfterSeconds(result, nowMs));
}

/** Gives the code of a failed attempt, or null when it succeeded. */
export function errorCode(
  result: AttemptResult,
): UnansweredReason | "redirect" | "http_status" | null {
  if (result.kind === "unanswered") return result.reason;
  if (isDelivered(result)) return null;
  return isRedirect(result.status) ? "redirect" : "http_status";
}

/** Describes in one sentence for people why an attempt failed; null when it succeeded. */
export function describeFailure(result: AttemptResult): string | null {
  if (result.kind === "unanswered") return result.detail;
  if (isDelivered(result)) return null;
  if (isRedirect(result.status)) {
    return `The receiver answered ${result.status}, a redirect; redirects are not followed.`;
  }
  return `The receiver answered ${result.status}.`;
}

function isDelivered(result: AttemptResult): boolean {
  return result.kind === "responded" && result.status >= 200 && result.status <= 299;
}

function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399;
}

/** The delay that the receiver asks for, with jitter, so that deliveries do not all come back at once. */
function requestedSeconds(result: AttemptResult, { random, nowMs }: OutcomeContext): number {
  const seconds = retryAfterSeconds(result, nowMs);
  return Math.min(delaySecondsMax, seconds * (1 + retryAfterSpread * random()));
}

function retryAfterSeconds(result: AttemptResult, nowMs: number): number {
  if (result.kind !== "responded" || result.retryAfter === undefined) return 0;
  if (result.status !== 429 && result.status !== 503) return 0;
  return parseRetryAfter(result.retryAfter, nowMs) ?? 0;
}
