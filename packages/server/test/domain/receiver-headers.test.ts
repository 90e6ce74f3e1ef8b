import { expect, test } from "vitest";
import {
  findHeaderFaults,
  headerNameLengthMax,
  headersLengthMax,
  headersMax,
  headerValueLengthMax,
} from "../../src/domain/receiver-headers.ts";
import { rowsOf } from "../hostile/rows.ts";

type Pairs = (readonly [string, string])[];
type Case = {
  id: string;
  why: string;
  input: { headers?: Record<string, string> | Pairs; headers_raw_json?: string };
  expect: { accept?: boolean; accept_any?: boolean[]; code?: string };
};

const pairsOf = (headers: Record<string, string> | Pairs): Pairs =>
  Array.isArray(headers) ? headers : Object.entries(headers);

const codesOf = (headers: Pairs, ownNames?: readonly string[]) =>
  findHeaderFaults(headers, ownNames).map(({ code }) => code);

test.each(rowsOf<Case>("header: map"))("$id: $why", ({ input, expect: expected }) => {
  const codes = codesOf(pairsOf(input.headers ?? []));
  expect(codes.length === 0).toBe(expected.accept);
  if (expected.code) expect(codes).toContain(expected.code);
});

test.each([
  ...["Content-Length", "content-type", "Content-Anything", "Host", "X-Host", "TE", "Expect"],
  ...["Cookie", "Set-Cookie", "Proxy-Authorization", "proxy-anything", "Upgrade", "Trailer"],
  ...["webhook-id", "Webhook-Anything", "X-Webhook-Signature", "x-webhook-", "X-Interactly-Secret"],
  ...["User-Agent", "Accept-Encoding", "Via", "Forwarded", "X-Forwarded-For", "X-Real-IP"],
  ...["Metadata-Flavor", "Metadata", "X-aws-ec2-metadata-token", "X-Aliyun-ECS-Metadata-Token"],
  ...["X-AWS-EC2-Metadata-Token-TTL-Seconds", "X-HTTP-Method-Override", "X_Forwarded_For"],
  ...["Content_Length", "Signature-Input", "X-Original-Host", "HTTP2-Settings"],
  ...["Origin", "Referer", "Sec-Fetch-Site", "Sec-WebSocket-Key", "sec-", "X-Amz-Security-Token"],
  ...["X-Amz-Target", "x_amz_date", "traceparent", "tracestate"],
  ...["Transfer-Encoding", "Connection", "Keep-Alive", "Early-Data", "Cookie2", "X-Forwarded"],
  ...["Signature", "Signature-Agent", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP"],
  ...["CF-Connecting-IP", "Fastly-Client-IP", "X-Rewrite-URL", "X-Envoy-Original-Path"],
  ...["X-HTTP-Method", "X-Method-Override", "Metadata-Token", "X-Metadata-Token"],
  "X-Google-Metadata-Request",
])("%s is reserved in any spelling", (name) => {
  for (const one of [name, name.toUpperCase(), name.toLowerCase()]) {
    expect(codesOf([[one, "v"]])).toEqual(["header_name_reserved"]);
  }
});

test.each([
  ...["", " ", "X A", "X\r\nY", "X:", "é", "__proto__", "-X", "X,Y", "X\u0000", "x".repeat(65)],
])("the name %j is no header's", (name) => {
  expect(codesOf([[name, "v"]])).toEqual(["header_name_invalid"]);
});

test.each([
  "a\nb",
  "a\r\nX: y",
  "a\u0000",
  "a\u0080",
  "ÿ",
  "🎉",
  " a",
  "a ",
  "\ta",
  "a\t",
  "\u007f",
])("the value %j is refused and not quoted", (value) => {
  const faults = findHeaderFaults([
    ["X-A", `secret-${value}-secret`],
    ["X-B", value],
  ]);
  expect(faults.map(({ code }) => code)).toContain("header_value_invalid");
  expect(JSON.stringify(faults)).not.toContain("secret");
});

test("Authorization is a subscriber's to set, once, and not where the contract sends its own", () => {
  expect(codesOf([["Authorization", "Basic abc="]])).toEqual([]);
  expect(codesOf([["Authorization", "Basic abc="]], ["authorization"])).toEqual([
    "header_name_reserved",
  ]);
  expect(
    codesOf([
      ["authorization", "a"],
      ["AUTHORIZATION", "b"],
    ]),
  ).toEqual(["header_duplicate"]);
  expect(codesOf([["X-Own-Secret", "a"]], ["x-own-secret"])).toEqual(["header_name_reserved"]);
});

test("names that begin with the service's own prefix are reserved, and only these", () => {
  const codes = (name: string, ownPrefix?: string) =>
    findHeaderFaults([[name, "v"]], [], ownPrefix).map(({ code }) => code);
  expect(codes("X-Acme-Id", "x-acme")).toEqual(["header_name_reserved"]);
  expect(codes("X_ACME_Id", "x-acme")).toEqual(["header_name_reserved"]);
  expect(codes("Webhook-Id", "x-acme")).toEqual(["header_name_reserved"]);
  expect(codes("X-Acmes-Id", "x-acme")).toEqual([]);
  expect(codes("X-Acme-Id")).toEqual([]);
  expect(codes("Undefined-Id")).toEqual([]);
});

test("names that differ in letter case or by _ for - are one header", () => {
  expect(
    codesOf([
      ["X-Api-Key", "1"],
      ["x_api_KEY", "2"],
    ]),
  ).toEqual(["header_duplicate"]);
});

test("the limits hold exactly: 20 headers, 64 characters of a name, 4 KiB of a value, 8 KiB together", () => {
  const many = (count: number): Pairs =>
    Array.from({ length: count }, (_, index) => [`X-${index}`, "v"]);
  expect(codesOf(many(headersMax))).toEqual([]);
  expect(codesOf(many(headersMax + 1))).toEqual(["header_too_many"]);
  expect(codesOf([["x".repeat(headerNameLengthMax), "v"]])).toEqual([]);
  // The last one allowed is looked at, those beyond it are only counted.
  expect(codesOf([...many(headersMax - 1), ["Host", ""]])).toEqual(["header_name_reserved"]);
  expect(codesOf([...many(headersMax), ["Host", ""]])).toEqual(["header_too_many"]);
  const value = "a".repeat(headerValueLengthMax);
  expect(codesOf([["X", value]])).toEqual([]);
  expect(codesOf([["X", `${value}a`]])).toEqual(["header_value_too_long"]);
  const rest = "a".repeat(headersLengthMax - value.length - 2);
  expect(
    codesOf([
      ["X", value],
      ["Y", rest],
    ]),
  ).toEqual([]);
  expect(
    codesOf([
      ["X", value],
      ["Y", `${rest}a`],
    ]),
  ).toEqual(["header_total_too_long"]);
});

test("a name that only resembles a reserved one is a subscriber's to set", () => {
  for (const name of ["X-Origin", "Security-Token", "X-Amzn", "X-Trace-Parent", "X-Referer"]) {
    expect([name, codesOf([[name, "v"]])]).toEqual([name, []]);
  }
});

test("all faults are reported at once, each with its name", () => {
  expect(
    findHeaderFaults([
      ["Host", "h"],
      ["X-Good", "v"],
      ["X-Bad", ""],
    ]),
  ).toEqual([
    { name: "Host", code: "header_name_reserved", reason: expect.any(String) },
    { name: "X-Bad", code: "header_value_empty", reason: expect.any(String) },
  ]);
});
