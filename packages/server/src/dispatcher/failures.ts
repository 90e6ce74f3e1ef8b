import type { UnansweredReason } from "../domain/outcome.ts";

/** Why there was no answer, with one sentence that is safe to store and show. */
export type Failure = { reason: UnansweredReason; detail: string };

/** A connection that was never opened: nothing of the request can have left. */
export class ConnectError extends Error {
  readonly failure: Failure;

  constructor(reason: UnansweredReason, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = "ConnectError";
    this.failure = { reason, detail };
  }
}

const reset: Failure = {
  reason: "connection_reset",
  detail: "The receiver reset the connection before it answered.",
};
const closed: Failure = {
  reason: "connection_closed",
  detail: "The receiver closed the connection before it answered.",
};
const notHttp: Failure = {
  reason: "protocol_error",
  detail: "The answer is not valid HTTP/1.1.",
};
const cannotBeSent: Failure = {
  reason: "blocked_url",
  detail: "The URL or the headers cannot be sent over HTTP.",
};

/** Codes of node and undici (errors.js) that have one meaning wherever they turn up. */
const failuresByCode = new Map<string, Failure>([
  ["ECONNRESET", reset],
  ["EPIPE", reset],
  ["UND_ERR_SOCKET", closed],
  ["UND_ERR_DESTROYED", closed],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", notHttp],
  ["UND_ERR_INVALID_ARG", cannotBeSent],
  ["UND_ERR_NOT_SUPPORTED", cannotBeSent],
  ["ERR_INVALID_URL", cannotBeSent],
  [
    "UND_ERR_HEADERS_OVERFLOW",
    { reason: "headers_too_large", detail: "The head of the answer is larger than 16 KiB." },
  ],
  ["ECONNREFUSED", { reason: "connect_refused", detail: "The receiver refused the connection." }],
]);

/** Puts whatever went wrong with an exchange into the service's words; never the error's own text. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof ConnectError) return error.failure;
  const code = errorCode(error);
  if (isMalformedAnswer(error)) return notHttp;
  const known = failuresByCode.get(code);
  if (known) return known;
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO") {
    return tlsFailure(code);
  }
  return { reason: "connection_failed", detail: `The connection failed${shown(code)}.` };
}

/** Describes a TLS handshake or certificate check that failed with this code. */
export function tlsFailure(code: string): Failure {
  return { reason: "tls_error", detail: `No secure connection could be made${shown(code)}.` };
}

/** The error's `code`, or an empty string. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/**
 * undici's parser errors have no code, only a name; a forbidden 1xx and an answer nobody asked
 * for are socket errors with these messages.
 */
function isMalformedAnswer(error: unknown) {
  if (!(error instanceof Error)) return false;
  return error.name === "HTTPParserError" || /^bad (upgrade|response)$/.test(error.message);
}

function shown(code: string) {
  return /^[A-Z][A-Z0-9_]{1,79}$/.test(code) ? ` (${code})` : "";
}
