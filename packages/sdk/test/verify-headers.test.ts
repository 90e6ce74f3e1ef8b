import { expect, test } from "vitest";
import { verifyBearer, verifyBody, verifySecret } from "../src/index.ts";
import { signBody } from "../src/sign.ts";

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
  await expect(verifyBody(body, signBody("", Buffer.from(body)), "")).rejects.toThrow(TypeError);
  await expect(verifyBearer("Bearer ", "")).rejects.toThrow(TypeError);
  await expect(verifySecret("", "")).rejects.toThrow(TypeError);
});
