import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { hmacSha256 } from "../src/hmac.ts";

const sizes = [0, 1, 31, 32, 63, 64, 65, 200];

it("gives the same signature as node:crypto for keys of every length", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        ...sizes.map((size) => fc.uint8Array({ minLength: size, maxLength: size })),
        fc.uint8Array({ minLength: 1, maxLength: 130 }),
      ),
      fc.stringMatching(/^[\x20-\x7e]{0,60}$/),
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom("hex" as const, "base64" as const),
      (key, prefix, body, encoding) => {
        const expected = createHmac("sha256", key).update(prefix).update(body).digest(encoding);
        expect(hmacSha256(key, prefix, Buffer.from(body), encoding)).toBe(expected);
      },
    ),
    { numRuns: 500 },
  );
});

it("signs bodies around the size up to which they are copied, and the largest ones", () => {
  const key = Buffer.alloc(24, 5);
  for (const length of [65_471, 65_472, 65_473, 65_536, 1_048_576]) {
    const body = Buffer.alloc(length, length % 251);
    const expected = createHmac("sha256", key).update("id.1.").update(body).digest("hex");
    expect(hmacSha256(key, "id.1.", body, "hex")).toBe(expected);
  }
});

it("leaves nothing of a longer body or key in the next signature", () => {
  const [long, short] = [Buffer.alloc(64, 1), Buffer.alloc(24, 2)];
  hmacSha256(long, "a longer prefix.", Buffer.alloc(2_000, 3), "hex");
  const expected = createHmac("sha256", short).update("p").update("b").digest("hex");
  expect(hmacSha256(short, "p", Buffer.from("b"), "hex")).toBe(expected);
});
