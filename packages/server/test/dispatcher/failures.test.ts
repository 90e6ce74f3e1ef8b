import { expect, test } from "vitest";
import {
  ConnectError,
  describeFailure,
  errorCode,
  type Failure,
  isGatewayError,
  lookUpFailure,
  proxyFailure,
  proxyRefusal,
  type Stage,
  slowFailure,
  tlsFailure,
} from "../../src/dispatcher/failures.ts";

/** An error as node and undici throw it; its text may hold what a receiver wrote. */
const failing = (code: unknown, name = "Error") =>
  Object.assign(new Error("not shown"), { code, name });

const reset = "The receiver reset the connection before it answered.";
const closed = "The receiver closed the connection before it answered.";
const length = "The answer does not say without contradiction how long it is.";
const unsendable = "The URL or the headers cannot be sent over HTTP.";
const tls = (code: string) => `No secure connection could be made (${code}).`;
const noRoute = (code: string) => `No route leads to the receiver's address (${code}).`;
const noSocket = (code: string) => `The service has no free socket (${code}).`;

test.each<[unknown, Failure["reason"], string]>([
  ["ECONNRESET", "connection_reset", reset],
  ["EPIPE", "connection_reset", reset],
  ["UND_ERR_SOCKET", "connection_closed", closed],
  ["UND_ERR_DESTROYED", "connection_closed", closed],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "protocol_error", length],
  ["UND_ERR_INVALID_ARG", "blocked_url", unsendable],
  ["UND_ERR_NOT_SUPPORTED", "blocked_url", unsendable],
  ["ERR_INVALID_URL", "blocked_url", unsendable],
  [
    "UND_ERR_HEADERS_OVERFLOW",
    "headers_too_large",
    "The head of the answer is larger than 16 KiB.",
  ],
  ["ECONNREFUSED", "connect_refused", "The receiver refused the connection."],
  ["EHOSTUNREACH", "connection_failed", noRoute("EHOSTUNREACH")],
  ["ENETUNREACH", "connection_failed", noRoute("ENETUNREACH")],
  ["EADDRNOTAVAIL", "connection_failed", noRoute("EADDRNOTAVAIL")],
  ["EMFILE", "connection_failed", noSocket("EMFILE")],
  ["ENFILE", "connection_failed", noSocket("ENFILE")],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "tls_error", tls("ERR_SSL_WRONG_VERSION_NUMBER")],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "tls_error", tls("ERR_TLS_CERT_ALTNAME_INVALID")],
  ["EPROTO", "tls_error", tls("EPROTO")],
  ["ETIMEDOUT", "connection_failed", "The connection failed (ETIMEDOUT)."],
  // A code that is no code is a text, and may be a receiver's.
  ["a word of the receiver's", "connection_failed", "The connection failed."],
  ["", "connection_failed", "The connection failed."],
  [42, "connection_failed", "The connection failed."],
])(
  "an exchange that fails with %j is told as %s, in a sentence of its own",
  (code, reason, detail) => {
    expect(describeFailure(failing(code))).toEqual({ reason, detail });
  },
);

test.each([undefined, null, "a text", {}])(
  "what is thrown and no error, %j, fails the connection",
  (thrown) => {
    expect(describeFailure(thrown)).toEqual({
      reason: "connection_failed",
      detail: "The connection failed.",
    });
  },
);

test.each([
  [
    "HTTPParserError",
    "Response does not match the HTTP/1.1 protocol (Invalid header token)",
    " (Invalid header token)",
  ],
  [
    "HTTPParserError",
    "Response does not match the HTTP/1.1 protocol (Expected HTTP/, RTSP/ or ICE/)",
    " (Expected HTTP/, RTSP/ or ICE/)",
  ],
  ["HTTPParserError", "Response does not match the HTTP/1.1 protocol", ""],
  ["HTTPParserError", "(<b>hunter2</b>)", ""],
  ["SocketError", "bad upgrade", ""],
  ["SocketError", "bad response", ""],
])("the %s %j means that the answer is no HTTP", (name, message, what) => {
  const error = Object.assign(new Error(message), { name, code: "UND_ERR_SOCKET" });
  expect(describeFailure(error)).toEqual({
    reason: "protocol_error",
    detail: `The answer is not valid HTTP/1.1${what}.`,
  });
});

test("a socket's error in other words is not taken for a bad answer", () => {
  for (const message of ["other side closed", "a bad response of the receiver's"]) {
    const error = Object.assign(new Error(message), { code: "UND_ERR_SOCKET" });
    expect(describeFailure(error)).toEqual({ reason: "connection_closed", detail: closed });
  }
});

test.each<[Stage, Failure["reason"], string]>([
  ["resolving", "dns_error", "The name server did not answer within 700 ms (TIMEOUT)."],
  ["connecting", "timeout", "The receiver did not accept the connection within 700 ms."],
  [
    "tunnelling",
    "timeout",
    "The egress proxy did not open a connection to the receiver within 700 ms.",
  ],
  ["securing", "timeout", "The receiver did not complete the TLS handshake within 700 ms."],
  ["answering", "timeout", "The receiver did not answer within 700 ms."],
])("who runs out of time while %s hears what it waited for", (stage, reason, detail) => {
  expect(slowFailure(stage, 700)).toEqual({ reason, detail });
});

test.each([
  [401, "did not accept the service's credentials (401)", false],
  [407, "did not accept the service's credentials (407)", false],
  [403, "does not allow connections to this receiver (403)", false],
  [500, "could not connect to the receiver (500)", true],
  [502, "could not connect to the receiver (502)", true],
  [501, "opened no connection to the receiver (501)", false],
  [499, "opened no connection to the receiver (499)", false],
  [400, "opened no connection to the receiver (400)", false],
])("a proxy that answers %i says what it will not do", (status, what, speaksOfTheAddress) => {
  expect(proxyRefusal(status)).toEqual({
    reason: "proxy_error",
    detail: `The egress proxy ${what}.`,
  });
  expect(proxyRefusal(status)).toEqual(proxyFailure(what));
  expect(isGatewayError(status)).toBe(speaksOfTheAddress);
});

test("the reason why a connection could not be opened is reported unchanged", () => {
  const failure = tlsFailure("CERT_HAS_EXPIRED");
  expect(failure).toEqual({ reason: "tls_error", detail: tls("CERT_HAS_EXPIRED") });
  // Whatever its cause says: the connector has decided already.
  const error = Object.assign(new ConnectError(failure), { code: "ECONNRESET" });
  expect(describeFailure(error)).toEqual(failure);
  expect(error).toMatchObject({ name: "ConnectError", message: failure.detail });
});

test("another address is tried unless a failure says that it would meet every one", () => {
  const failure = lookUpFailure("ESERVFAIL");
  expect(new ConnectError(failure).everywhere).toBe(false);
  expect(new ConnectError(failure, { cause: new Error("") }).everywhere).toBe(false);
  expect(new ConnectError(failure, { everywhere: true }).everywhere).toBe(true);
});

test("a code is shown only in the letters of a code", () => {
  expect([failing("EPROTO"), failing(7), null, undefined].map(errorCode)).toEqual([
    ...["EPROTO", "", "", ""],
  ]);
  for (const code of ["e_lower", "E B", "E", "1E", "E".repeat(81), "<b>"]) {
    expect(lookUpFailure(code)).toEqual({
      reason: "dns_error",
      detail: "The host name could not be resolved.",
    });
  }
});
