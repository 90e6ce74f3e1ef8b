import { expect, test } from "vitest";
import {
  AnswerError,
  ConnectError,
  connectionClosed,
  describeFailure,
  errorCode,
  type Failure,
  headTooLarge,
  isGatewayError,
  lookUpFailure,
  malformed,
  proxyFailure,
  proxyRefusal,
  type Stage,
  slowFailure,
  tlsFailure,
  twoLengths,
} from "../../src/dispatcher/failures.ts";

/** An error as Node throws it. */
const failing = (code: unknown) => Object.assign(new Error("not shown"), { code });

const reset = "The receiver reset the connection before it answered.";
const unsendable = "The URL or the headers cannot be sent over HTTP.";
const tls = (code: string) => `No secure connection could be made (${code}).`;
const noRoute = (code: string) => `No route leads to the receiver's address (${code}).`;
const noSocket = (code: string) => `The service has no free socket (${code}).`;

test.each<[unknown, Failure["reason"], string]>([
  ["ECONNRESET", "connection_reset", reset],
  ["EPIPE", "connection_reset", reset],
  ["ERR_INVALID_URL", "blocked_url", unsendable],
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

test("what is wrong with an answer is reported unchanged", () => {
  for (const failure of [malformed("a reason"), twoLengths, headTooLarge, connectionClosed]) {
    const error = Object.assign(new AnswerError(failure), { code: "ECONNRESET" });
    expect(describeFailure(error)).toEqual(failure);
    expect(error).toMatchObject({ name: "AnswerError", message: failure.detail });
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
