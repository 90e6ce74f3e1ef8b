import type { UnansweredReason } from "../domain/outcome.ts";

/** Why there was no answer, with one sentence that is safe to store and show. */
export type Failure = { reason: UnansweredReason; detail: string };

/** A connection that was never opened: nothing of the request was sent. */
export class ConnectError extends Error {
  readonly failure: Failure;
  /** Whether it would fail in the same way at every address of the receiver. */
  readonly everywhere: boolean;

  constructor({ reason, detail }: Failure, options?: ErrorOptions & { everywhere?: boolean }) {
    super(detail, options);
    this.name = "ConnectError";
    this.failure = { reason, detail };
    this.everywhere = options?.everywhere ?? false;
  }
}

/** Why an answer with both headers is invalid: two parsers could end it at different places (RFC 9112 6.3). */
export const twoLengths = "The answer has both Content-Length and Transfer-Encoding.";

/** The stages of an attempt, in order. */
export type Stage = "resolving" | "connecting" | "tunnelling" | "securing" | "answering";

/** Describes an attempt that ran out of time at this stage. */
export function slowFailure(stage: Stage, withinMs: number): Failure {
  const { reason, what, code = "" } = slow[stage];
  return { reason, detail: `${what} within ${withinMs} ms${shown(code)}.` };
}

type Slow = { reason: UnansweredReason; what: string; code?: string };

const slow: Readonly<Record<Stage, Slow>> = {
  resolving: { reason: "dns_error", what: "The name server did not answer", code: "TIMEOUT" },
  connecting: { reason: "timeout", what: "The receiver did not accept the connection" },
  tunnelling: {
    reason: "timeout",
    what: "The egress proxy did not open a connection to the receiver",
  },
  securing: { reason: "timeout", what: "The receiver did not complete the TLS handshake" },
  answering: { reason: "timeout", what: "The receiver did not answer" },
};

const reset: Failure = {
  reason: "connection_reset",
  detail: "The receiver reset the connection before it answered.",
};
const closed: Failure = {
  reason: "connection_closed",
  detail: "The receiver closed the connection before it answered.",
};
const badLength: Failure = {
  reason: "protocol_error",
  detail: "The answer does not say without contradiction how long it is.",
};
const cannotBeSent: Failure = {
  reason: "blocked_url",
  detail: "The URL or the headers cannot be sent over HTTP.",
};

/** Codes of Node and undici (errors.js) that have the same meaning at every stage. */
const failuresByCode = new Map<string, Failure>([
  ["ECONNRESET", reset],
  ["EPIPE", reset],
  ["UND_ERR_SOCKET", closed],
  ["UND_ERR_DESTROYED", closed],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", badLength],
  ["UND_ERR_INVALID_ARG", cannotBeSent],
  ["UND_ERR_NOT_SUPPORTED", cannotBeSent],
  ["ERR_INVALID_URL", cannotBeSent],
  [
    "UND_ERR_HEADERS_OVERFLOW",
    { reason: "headers_too_large", detail: "The head of the answer is larger than 16 KiB." },
  ],
  ["ECONNREFUSED", { reason: "connect_refused", detail: "The receiver refused the connection." }],
  ...["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"].map((code): [string, Failure] => [
    code,
    { reason: "connection_failed", detail: `No route leads to the receiver's address (${code}).` },
  ]),
  ...["EMFILE", "ENFILE"].map((code): [string, Failure] => [
    code,
    { reason: "connection_failed", detail: `The service has no free socket (${code}).` },
  ]),
]);

/** Describes the failure of an exchange in the service's words; never with the error's own text. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof ConnectError) return error.failure;
  const code = errorCode(error);
  if (isMalformedAnswer(error)) return malformedAnswer(error);
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

/**
 * Describes a look-up that gave no address, by the code of c-ares, getaddrinfo or DNS itself.
 *
 * The sentence shows whose fault it is: the zone's owner or the resolver's.
 */
export function lookUpFailure(code: string): Failure {
  const detail = lookUpDetails[code] ?? `The host name could not be resolved${shown(code)}.`;
  return { reason: "dns_error", detail };
}

const noSuchName = "The host name does not exist (NXDOMAIN).";
const serverFailed = "The name server failed to look the host name up (SERVFAIL).";
const serverRefused = "The name server refused to look the host name up (REFUSED).";
const noAddress = "The host name exists but has no address (NODATA).";

const lookUpDetails: Readonly<Record<string, string>> = {
  ENOTFOUND: noSuchName,
  NXDOMAIN: noSuchName,
  ESERVFAIL: serverFailed,
  SERVFAIL: serverFailed,
  EREFUSED: serverRefused,
  REFUSED: serverRefused,
  ENODATA: noAddress,
  NODATA: noAddress,
  ETIMEOUT: "The name server did not answer in time (TIMEOUT).",
  ECONNREFUSED: "No name server could be reached (ECONNREFUSED).",
};

/** Describes the answer of the operator's proxy that did not open a tunnel. */
export function proxyRefusal(status: number): Failure {
  if (status === 401 || status === 407) {
    return proxyFailure(`did not accept the service's credentials (${status})`);
  }
  if (status === 403) return proxyFailure("does not allow connections to this receiver (403)");
  if (isGatewayError(status)) return proxyFailure(`could not connect to the receiver (${status})`);
  return proxyFailure(`opened no connection to the receiver (${status})`);
}

/** Tells whether a proxy's status is about the requested address only: another address may be reachable. */
export const isGatewayError = (status: number): boolean => status >= 500 && status !== 501;

/** Describes a proxy that cannot be used; `what` continues "The egress proxy". */
export function proxyFailure(what: string): Failure {
  return { reason: "proxy_error", detail: `The egress proxy ${what}.` };
}

/** The error's `code`, or an empty string. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/**
 * undici's parser errors have a name of their own; a forbidden 1xx and an answer without a request are socket errors with
 * these messages.
 */
function isMalformedAnswer(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error.name === "HTTPParserError" || /^bad (upgrade|response)$/.test(error.message);
}

/** The text in parentheses is llhttp's own reason: it contains nothing that the receiver wrote. */
function malformedAnswer({ message }: Error): Failure {
  const [, what] = /\(([A-Za-z][\w ,.'/-]{1,79})\)$/.exec(message) ?? [];
  return {
    reason: "protocol_error",
    detail: `The answer is not valid HTTP/1.1${what ? ` (${what})` : ""}.`,
  };
}

/** Adds a code of Node, OpenSSL or DNS: it contains nothing that a receiver wrote. */
function shown(code: string) {
  return /^[A-Z][A-Z0-9_]{1,79}$/.test(code) ? ` (${code})` : "";
}
