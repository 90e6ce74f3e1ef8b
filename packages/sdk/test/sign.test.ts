import fc from "fast-check";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect, test } from "vitest";
import { rowsOf } from "../../server/test/hostile/rows.ts";
import { decodeSecret, encodeSecret, sign, signBody } from "../src/sign.ts";

type SignatureCase = {
  id: string;
  area: string;
  why: string;
  input: {
    secret?: string;
    id?: string;
    timestamp?: number;
    body?: string;
    legacy_secret?: string;
  };
  expect: { signature?: string; x_webhook_signature_any?: string[] };
};

const secretBytes = fc.uint8Array({ minLength: 24, maxLength: 64 });

test.each(rowsOf<SignatureCase>("signature: made"))("$id: $why", ({ input, expect: wanted }) => {
  const { secret = "", id = "", timestamp = 0, body = "" } = input;
  expect(sign(decodeSecret(secret), id, timestamp, Buffer.from(body))).toBe(wanted.signature);
});

test.each(rowsOf<SignatureCase>("signature: legacy"))("$id: $why", (one) => {
  const { legacy_secret: secret = "", body = "" } = one.input;
  const signature = signBody(secret, Buffer.from(body));
  expect(one.expect.x_webhook_signature_any).toContain(signature);
  expect(signature).toMatch(/^[0-9a-f]{64}$/);
});

test("the standardwebhooks and svix packages accept what sign makes", () => {
  fc.assert(
    fc.property(secretBytes, fc.json(), (bytes, payload) => {
      const secret = encodeSecret(bytes);
      const body = Buffer.from(payload);
      const timestamp = Math.floor(Date.now() / 1000);
      const signature = sign(decodeSecret(secret), "event_1", timestamp, body);
      const headers = (prefix: string) => ({
        [`${prefix}-id`]: "event_1",
        [`${prefix}-timestamp`]: String(timestamp),
        [`${prefix}-signature`]: signature,
      });
      const value: unknown = JSON.parse(payload);
      expect(new StandardWebhook(secret).verify(body, headers("webhook"))).toEqual(value);
      expect(new SvixWebhook(secret).verify(body, headers("svix"))).toEqual(value);
    }),
    { numRuns: 50 },
  );
});

test("every attempt of one event has a signature of its own", () => {
  const secret = decodeSecret(encodeSecret(new Uint8Array(32)));
  const body = Buffer.from("{}");
  const signatures = [1, 2, 3].map((seconds) => sign(secret, "event_1", seconds, body));
  expect(new Set(signatures).size).toBe(3);
});

test("a secret survives printing and reading", () => {
  fc.assert(
    fc.property(secretBytes, (bytes) => {
      const secret = encodeSecret(bytes);
      expect(secret).toBe(`whsec_${Buffer.from(bytes).toString("base64")}`);
      expect(decodeSecret(secret)).toEqual(Buffer.from(bytes));
    }),
  );
});

const base64 = Buffer.alloc(32, 7).toString("base64");

test.each([
  ["without its prefix", base64],
  ["with another prefix", `whsk_${base64}`],
  ["with an upper-case prefix", `WHSEC_${base64}`],
  ["that is empty", "whsec_"],
  ["without padding", `whsec_${base64.replace("=", "")}`],
  ["with a blank inside", `whsec_${base64.slice(0, 8)} ${base64.slice(8)}`],
  ["with a line break behind", `whsec_${base64}\n`],
  ["in base64url", `whsec_${Buffer.alloc(32, 255).toString("base64url")}=`],
  ["with stray bits in its last letter", `whsec_${base64.replace(/c=$/, "d=")}`],
  ["beyond Latin-1", `whsec_${base64.slice(0, -2)}é😀`],
  ["of 23 bytes", `whsec_${Buffer.alloc(23).toString("base64")}`],
  ["of 65 bytes", `whsec_${Buffer.alloc(65).toString("base64")}`],
])("a secret %s is refused without being quoted", (_, secret) => {
  expect(() => decodeSecret(secret)).toThrow(TypeError);
  expect(() => decodeSecret(secret)).not.toThrow(secret.slice(6, 16) || "\0");
});

test("a secret of too few or too many bytes is never printed", () => {
  expect(() => encodeSecret(new Uint8Array(23))).toThrow(TypeError);
  expect(() => encodeSecret(new Uint8Array(65))).toThrow(TypeError);
});
