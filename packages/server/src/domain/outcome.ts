import { retryDelaySeconds } from "./backoff.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** What the wire told us about one attempt. */
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
      /** What came of an answer that is none: it decides nothing, and helps to find the fault. */
      seen?: SeenAnswer | undefined;
    };

/** The beginning of an answer whose head never became complete or valid. */
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

/** What we decided to do about a result. */
export type Outcome =
  | { kind: "delivered" }
  | { kind: "retry"; delaySeconds: number }
  | { kind: "failed" };

/** The retry policy of a delivery and how much of it is used. */
export type OutcomeContext = {
  /** Attempts so far, this one included; crashed and manual ones do not count, so 0 can be. */
  automaticAttempts: number;
  maxRetries: number;
  backoffSeconds: number;
  random: () => number;
  nowMs: number;
};

const delaySecondsMax = 86_400;
const retryAfterSpread = 0.1;
/** One answer keeps a subscription quiet no longer; then it is asked again. */
const quietSecondsMax = 3_600;

/** Decides what follows an attempt. Every retry rule of the service is here. */
export function decideOutcome(result: AttemptResult, context: OutcomeContext): Outcome {
  if (isDelivered(result)) return { kind: "delivered" };
  if (context.automaticAttempts > context.maxRetries) return { kind: "failed" };

  const retryNumber = Math.max(1, context.automaticAttempts);
  const ownSeconds = retryDelaySeconds(context.backoffSeconds, retryNumber, context.random);
  return { kind: "retry", delaySeconds: Math.max(ownSeconds, requestedSeconds(result, context)) };
}

/**
 * Tells for how long the receiver wants no request at all, in seconds; 0 when it said nothing of the kind, or when the
 * contract ignores `Retry-After`.
 *
 * `Retry-After` speaks of the receiver, not of one request. An hour at the most, because a slip of a receiver that
 * asks for a day must not silence a subscription for one.
 */
export function quietSeconds(
  result: AttemptResult,
  { ignoresRetryAfter, nowMs }: { ignoresRetryAfter: boolean; nowMs: number },
): number {
  return ignoresRetryAfter ? 0 : Math.min(quietSecondsMax, retryAfterSeconds(result, nowMs));
}

/** Gives the code that tells why an attempt failed, or null when it did not. */
export function errorCode(
  result: AttemptResult,
): UnansweredReason | "redirect" | "http_status" | null {
  if (result.kind === "unanswered") return result.reason;
  if (isDelivered(result)) return null;
  return isRedirect(result.status) ? "redirect" : "http_status";
}

/** Describes why an attempt failed in one sentence for people, or gives null when it did not. */
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

/** The delay that the receiver asks for, spread so that deliveries do not all come back at once. */
function requestedSeconds(result: AttemptResult, { random, nowMs }: OutcomeContext): number {
  const seconds = retryAfterSeconds(result, nowMs);
  return Math.min(delaySecondsMax, seconds * (1 + retryAfterSpread * random()));
}

function retryAfterSeconds(result: AttemptResult, nowMs: number): number {
  if (result.kind !== "responded" || result.retryAfter === undefined) return 0;
  if (result.status !== 429 && result.status !== 503) return 0;
  return parseRetryAfter(result.retryAfter, nowMs) ?? 0;
}
