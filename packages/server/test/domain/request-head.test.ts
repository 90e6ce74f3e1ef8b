import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { packProof, requestHead, requestHeaders } from "../../src/domain/request-head.ts";

const open = ["content-type", "application/json", "User-Agent", "Postrider"];
const [first, second, ofBody] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const base64 = (bytes: Buffer) => bytes.toString("base64");
const v1 = (bytes: Buffer) => `v1,${base64(bytes)}`;

test("headers are shown by lower-case name as they were sent, and secrets as ***", () => {
  const head = requestHead({ open, secret: ["Authorization", "x-own"], bodySignature: undefined });
  const proof = packProof({
    timestamp: 1_800_000_000,
    bodySignature: undefined,
    signatures: [base64(first), base64(second)],
  });
  expect(requestHeaders(JSON.parse(JSON.stringify(head)), proof, "event_1")).toEqual({
    "content-type": "application/json",
    "user-agent": "Postrider",
    authorization: "***",
    "x-own": "***",
    "webhook-id": "event_1",
    "webhook-timestamp": "1800000000",
    "webhook-signature": `${v1(first)} ${v1(second)}`,
  });
});

test.each([undefined, "X-Time"])(
  "a signature over the body is shown with its time in %s",
  (timestampHeader) => {
    const bodySignature = { header: "X-Sig", ...(timestampHeader ? { timestampHeader } : {}) };
    const head = requestHead({ open: [], secret: [], bodySignature });
    const proof = packProof({
      timestamp: 7,
      bodySignature: ofBody.toString("hex"),
      signatures: [base64(first)],
    });
    expect(requestHeaders(head, proof, "event_1")).toEqual({
      "x-sig": ofBody.toString("hex"),
      ...(timestampHeader ? { "x-time": "7" } : {}),
      "webhook-id": "event_1",
      "webhook-timestamp": "7",
      "webhook-signature": v1(first),
    });
  },
);

test("a head holds no value of a secret, and two receivers with the same names share it", () => {
  const parts = { open, secret: ["Authorization"], bodySignature: undefined };
  expect(JSON.stringify(requestHead(parts))).toBe(JSON.stringify(requestHead({ ...parts })));
  expect(requestHead(parts).authorization).toBe("***");
});
