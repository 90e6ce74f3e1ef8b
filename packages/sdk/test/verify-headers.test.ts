import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { verifyBearer, verifyBody, verifySecret, verifyTimedBody } from "../src/index.ts";
import { encodeSecret, signBody } from "../src/sign.ts";

const body = '{"a":"é😀"}';

test("a body signed under the secret is accepted, and nothing else", async () => {
  const header = signBody("sécret", Buffer.from(body));
  expect(await verifyBody(body, header, "sécret")).toBe(true);
  expect(await verifyBody(Buffer.from(body), header, "sécret")).toBe(true);
  expect(await verifyBody(`${body} `, header, "sécret")).toBe(false);
  expect(await verifyBody(body, header, "secret")).toBe(false);
  for (const wrong of [header.toUpperCase(), header.slice(1), `${header}0`, "", null, undefined]) {
    expect(await verifyBody(body, wrong, "sécret")).toBe(false);
  }
  expect(await verifyBody(body, [header], "sécret")).toBe(false);
});

test("the bearer token is accepted under any case of its scheme, and nothing else", async () => {
  expect(await verifyBearer("Bearer t0ken", "t0ken")).toBe(true);
  expect(await verifyBearer("bearer  t0ken", "t0ken")).toBe(true);
  for (const wrong of ["t0ken", "Bearer", "Bearer t0ke", "Bearer t0kenn", "Basic t0ken", null]) {
    expect(await verifyBearer(wrong, "t0ken")).toBe(false);
  }
});

test("the shared secret is accepted as it is, and nothing else", async () => {
  expect(await verifySecret("my-secret", "my-secret")).toBe(true);
  for (const wrong of ["my-secre", "my-secret2", "My-secret", "", undefined]) {
    expect(await verifySecret(wrong, "my-secret")).toBe(false);
  }
});

test("an empty secret proves nothing and is a mistake", async () => {
  const underNoKey = createHmac("sha256", "").update(body).digest("hex");
  await expect(verifyBody(body, underNoKey, "")).rejects.toThrow(TypeError);
  await expect(verifyBearer("Bearer ", "")).rejects.toThrow(TypeError);
  await expect(verifySecret("", "")).rejects.toThrow(TypeError);
});

test("the platform's signature is that of the body under the whsec_ text, and its time must be near", async () => {
  const secret = encodeSecret(new Uint8Array(32).fill(7));
  const seconds = 1_767_225_600;
  const clock = { now: () => seconds * 1_000 };
  const headers = { signature: signBody(secret, body), timestamp: String(seconds) };
  expect(headers.signature).toBe(createHmac("sha256", secret).update(body).digest("hex"));
  expect(await verifyTimedBody(body, headers, secret, clock)).toBe(true);
  expect(await verifyTimedBody(Buffer.from(body), headers, secret, clock)).toBe(true);

  const other = encodeSecret(new Uint8Array(32).fill(8));
  expect(await verifyTimedBody(body, headers, other, clock)).toBe(false);
  expect(await verifyTimedBody(`${body} `, headers, secret, clock)).toBe(false);
  const wrongTimes = [seconds - 301, seconds + 301, `${seconds}.0`, "", undefined, null];
  for (const time of wrongTimes) {
    const timestamp = typeof time === "number" ? String(time) : time;
    expect(await verifyTimedBody(body, { ...headers, timestamp }, secret, clock)).toBe(false);
  }
  for (const signature of [undefined, "", headers.signature.toUpperCase(), [headers.signature]]) {
    expect(await verifyTimedBody(body, { ...headers, signature }, secret, clock)).toBe(false);
  }
  const late = { toleranceSeconds: 10, now: () => (seconds + 11) * 1_000 };
  expect(await verifyTimedBody(body, headers, secret, late)).toBe(false);
});

test("a secret that UTF-8 cannot hold is a mistake: another one would have the same bytes", async () => {
  await expect(verifyBody(body, "", "\ud800")).rejects.toThrow("surrogate");
});
