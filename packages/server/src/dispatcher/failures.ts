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

/** A connection that ended, or an answer that is none, after the request may have been sent. */
export class AnswerError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.detail);
    this.name = "AnswerError";
    this.failure = failure;
  }
}

/** An answer with both headers is invalid: two programs could end it at different places (RFC 9112 6.3). */
export const twoLengths: Failure = {
  reason: "protocol_error",
  detail: "The answer has both Content-Length and Transfer-Encoding.",
};

export const unwantedSwitch: Failure = {
  reason: "protocol_error",
  detail: "The receiver switched protocols, which nobody asked for.",
};

export const tooManyInterim: Failure = {
  reason: "protocol_error",
  detail: "The receiver sent too many interim responses.",
};

export const headTooLarge: Failure = {
  reason: "headers_too_large",
  detail: "The head of the answer is larger than 16 KiB.",
};

/** `what`: in the service's words; nothing that the receiver wrote. */
export const malformed = (what: string): Failure => ({
  reason: "protocol_error",
  detail: `The answer is not valid HTTP/1.1 (${what}).`,
});

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

export const connectionClosed: Failure = {
  reason: "connection_closed",
  detail: "The receiver closed the connection before it answered.",
};

export const unsendable: Failure = {
  reason: "blocked_url",
  detail: "The URL or the headers cannot be sent over HTTP.",
};

/** Codes of Node that have the same meaning at every stage. */
const failuresByCode = new Map<string, Failure>([
  ["ECONNRESET", reset],
  ["EPIPE", reset],
  ["ERR_INVALID_URL", unsendable],
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
  if (error instanceof ConnectError || error instanceof AnswerError) return error.failure;
  const code = errorCode(error);
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

/** Adds a code of Node, OpenSSL or DNS: it contains nothing that a receiver wrote. */
function shown(code: string) {
  return /^[A-Z][A-Z0-9_]{1,79}$/.test(code) ? ` (${code})` : "";
}
