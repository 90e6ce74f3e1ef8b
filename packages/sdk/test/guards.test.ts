import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import {
  Postrider,
  verify,
  verifyBearer,
  verifyBody,
  verifySecret,
  verifyTimedBody,
  WebhookVerificationError,
} from "../src/index.ts";
import { decodeSecret, encodeSecret, sign, signBody } from "../src/sign.ts";
import { json, scripted } from "./answers.ts";

// As JavaScript calls: with whatever it has at hand.
// biome-ignore lint/suspicious/noExplicitAny: a value of the wrong type is what these tests hand in.
type Anything = any;

const key = new Uint8Array(32).fill(7);
const secret = encodeSecret(key);
const seconds = 1_767_225_600;
const clock = { now: () => seconds * 1_000 };
const body = '{"a":"é😀"}';
const headers = {
  "webhook-id": "event_1",
  "webhook-timestamp": String(seconds),
  "webhook-signature": sign(key, "event_1", seconds, body),
};
const timed = { signature: signBody(secret, body), timestamp: String(seconds) };

/** What is no text, whatever else it may be. */
const noTexts: Anything[] = [
  ...[undefined, null, 42, Number.NaN, 0n, true, false, Symbol("s"), {}, [], ["a"], () => "a"],
  ...[Buffer.from("a"), new Headers(), new Map(), new Date(), Object("a"), Promise.resolve("a")],
];

/** Calls with each value, and requires a TypeError with a sentence of ours and never a result. */
async function refusesEach(values: readonly Anything[], call: (value: Anything) => unknown) {
  for (const value of values) {
    const error = await Promise.resolve(value)
      .then(() => call(value))
      .then(
        (result) => ({ accepted: result }),
        (thrown: unknown) => thrown,
      );
    expect(error, kindOf(value)).toBeInstanceOf(TypeError);
    const { message } = error as TypeError;
    expect(message, kindOf(value)).toMatch(/^[A-Z_a-z'].{8,}\.$/);
    expect(message, kindOf(value)).not.toMatch(
      /reading '|is not a function|not iterable|undefined or null/,
    );
  }
}

const kindOf = (value: Anything): string =>
  `${typeof value} ${Object.prototype.toString.call(value)}`;

test("a secret that is no text is a mistake of the caller, also when the header is missing as well", async () => {
  await refusesEach([...noTexts, ""], (wrong) => verifySecret(wrong, wrong));
  await refusesEach([...noTexts, ""], (wrong) => verifyBearer(wrong, wrong));
  for (const [header, wrong] of [
    ["null", null],
    ["42", 42],
    ["undefined", undefined],
    ["a", ["a"]],
    ["true", true],
  ]) {
    await refusesEach([wrong], () => verifySecret(header as string, wrong as Anything));
    await refusesEach([wrong], () => verifyBearer(`Bearer ${header}`, wrong as Anything));
  }
  await refusesEach([...noTexts, ""], (wrong) => verifyBody(body, "", wrong));
  await refusesEach([...noTexts, ""], (wrong) => verifyTimedBody(body, timed, wrong, clock));
  const noSecrets = noTexts.filter((value) => !(Array.isArray(value) && value.length > 0));
  await refusesEach([...noSecrets, ""], (wrong) => verify(body, headers, wrong, clock));
  await refusesEach([...noTexts, ""], (wrong) => verify(body, headers, [secret, wrong], clock));
  await refusesEach([...noTexts, ""], (wrong) => decodeSecret(wrong));
  await refusesEach([...noTexts, ""], (wrong) => signBody(wrong, body));
});

test.each([
  ["a line break behind it", `${secret}\n`, "Trim"],
  ["a blank before it", ` ${secret}`, "Trim"],
  ["quotes around it", `"${secret}"`, "quotes"],
  ["v1, in front", `v1,${secret}`, '"v1,"'],
  ["no prefix", secret.slice(6), 'begin with "whsec_"'],
  ["nothing behind its prefix", "whsec_", "24 to 64 bytes"],
  ["too few bytes", "whsec_YWJj", "24 to 64 bytes"],
  ["base64url", `whsec_${Buffer.alloc(32, 255).toString("base64url")}=`, "base64"],
])("a signing secret with %s is refused with its usual cause", async (_, wrong, cause) => {
  for (const call of [
    () => verify(body, headers, wrong, clock),
    () => verifyTimedBody(body, timed, wrong, clock),
    async () => decodeSecret(wrong),
  ]) {
    await expect(call()).rejects.toThrow(TypeError);
    await expect(call()).rejects.toThrow(cause);
  }
});

test("a secret that no header can carry is a mistake of the caller", async () => {
  const wrong = ["my-secret\n", " my-secret", "sécret", "a\u0000b", "\ud800"];
  await refusesEach(wrong, (one) => verifySecret(one, one));
  await expect(verifySecret("my-secret", "my-secret\n")).rejects.toThrow("Trim it");
  await refusesEach(wrong, (one) => verifyBearer(`Bearer ${one}`, one));
});

test("a body that is no text and no bytes is refused with its usual cause", async () => {
  const parsed = [
    {},
    [],
    { a: 1 },
    [123],
    42,
    true,
    new Map(),
    new Date(),
    JSON.parse(JSON.stringify(Buffer.from(body))),
  ];
  const causes: [string, Anything[]][] = [
    ["The body was parsed before. Pass the raw bytes.", parsed],
    ["before any middleware reads them", [undefined, null]],
    ["Await it first", [Promise.resolve(body)]],
    [
      "has not been read",
      [
        new Request("https://a.test", { method: "POST", body }),
        new Blob([body]),
        new Response(body).body,
      ],
    ],
  ];
  for (const [cause, values] of causes) {
    for (const value of values) {
      await expect(verify(value, headers, secret, clock), kindOf(value)).rejects.toThrow(cause);
      await expect(verifyBody(value, timed.signature, secret)).rejects.toThrow(cause);
      await expect(verifyTimedBody(value, timed, secret, clock)).rejects.toThrow(cause);
      expect(() => sign(key, "event_1", seconds, value)).toThrow(cause);
      expect(() => signBody(secret, value)).toThrow(cause);
    }
  }
});

/** The same bytes in each form that bytes have. */
function formsOf(text: string): Anything[] {
  const bytes = Buffer.from(text);
  const own = Uint8Array.from(bytes);
  // An even length, so that 16-bit elements hold it; a view in the middle of a larger buffer.
  const padded = Uint8Array.of(0, 0, ...bytes, 0, 0).buffer;
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return [
    ...[text, bytes, own, own.buffer, new Uint8ClampedArray(own), new Int8Array(own)],
    ...[new DataView(padded, 2, bytes.length), new Uint16Array(padded, 2, bytes.length / 2)],
    ...[shared, new Uint8Array(shared), runInNewContext("Uint8Array.from(b).buffer", { b: bytes })],
  ];
}

test("a body is accepted as text and as bytes in any form", async () => {
  const even = `${body}${" ".repeat(Buffer.byteLength(body) % 2)}`;
  const signed = { ...headers, "webhook-signature": sign(key, "event_1", seconds, even) };
  const signature = signBody(secret, even);
  for (const form of formsOf(even)) {
    const kind = kindOf(form);
    expect(await verify(form, signed, secret, clock), kind).toMatchObject({ id: "event_1" });
    expect(await verifyBody(form, signature, secret), kind).toBe(true);
    expect(await verifyTimedBody(form, { ...timed, signature }, secret, clock), kind).toBe(true);
    expect(sign(key, "event_1", seconds, form), kind).toBe(signed["webhook-signature"]);
    expect(signBody(secret, form), kind).toBe(signature);
  }
});

test("a header that is absent or there twice is refused, one of another type is a mistake of the caller", async () => {
  for (const absent of [undefined, null, "", [], ["a"], ["a", "b"]]) {
    expect(await verifySecret(absent, "a")).toBe(false);
    expect(await verifyBearer(absent, "a")).toBe(false);
    expect(await verifyBody(body, absent, secret)).toBe(false);
    expect(await verifyTimedBody(body, { ...timed, signature: absent }, secret, clock)).toBe(false);
    expect(await verifyTimedBody(body, { ...timed, timestamp: absent }, secret, clock)).toBe(false);
  }
  const others = noTexts.filter(
    (value) => value !== undefined && value !== null && !Array.isArray(value),
  );
  await refusesEach([...others, [42], [undefined]], async (wrong) => verifySecret(wrong, "a"));
  await refusesEach(others, (wrong) => verifyBearer(wrong, "a"));
  await refusesEach(others, (wrong) => verifyBody(body, wrong, secret));
  await refusesEach(others, (wrong) =>
    verifyTimedBody(body, { ...timed, signature: wrong }, secret, clock),
  );
  await refusesEach(others, (wrong) =>
    verifyTimedBody(body, { ...timed, timestamp: wrong }, secret, clock),
  );
  await refusesEach([undefined, null, "a", [], 42], (wrong) =>
    verifyTimedBody(body, wrong, secret, clock),
  );
});

test("the headers of a request are taken as a Headers, a Map or an object, and as nothing else", async () => {
  const upper = Object.entries(headers).map(([name, value]): [string, string] => [
    name.toUpperCase(),
    value,
  ]);
  const express = { get: (name: string) => headers[name as keyof typeof headers] };
  const forms: Anything[] = [
    ...[headers, new Headers(headers), new Map(upper), Object.assign(Object.create(null), headers)],
    ...[express, { ...headers, cookie: undefined, accept: ["a", "b"], get: "a header called get" }],
  ];
  for (const form of forms) {
    expect(await verify(body, form, secret, clock)).toMatchObject({ id: "event_1" });
  }
  for (const empty of [{}, new Headers(), new Map()]) {
    await expect(verify(body, empty, secret, clock)).rejects.toBeInstanceOf(
      WebhookVerificationError,
    );
  }
  const request = { method: "POST", headers, socket: {} };
  await refusesEach(
    [
      ...noTexts.filter(
        (value) =>
          !(
            kindOf(value) === "object [object Object]" ||
            value instanceof Headers ||
            value instanceof Map
          ),
      ),
      request,
      { ...headers, "webhook-timestamp": seconds },
      Object.entries(headers),
    ],
    (wrong) => verify(body, wrong, secret, clock),
  );
});

test("a tolerance that is no finite number, a bare one, or one of another name is refused and not ignored", async () => {
  const wrong = [
    "300",
    "",
    null,
    true,
    false,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    [300],
    {},
    300n,
  ];
  const calls: ((options: Anything) => unknown)[] = [
    (options) => verify(body, headers, secret, options),
    (options) => verifyTimedBody(body, timed, secret, options),
  ];
  for (const call of calls) {
    await refusesEach(wrong, (toleranceSeconds) => call({ ...clock, toleranceSeconds }));
    await refusesEach([300, "300", null, true, [], () => 300], call);
    await refusesEach([{ tolerance: 300 }, { toleranceSecs: 1 }, { toString: 1 }], (more) =>
      call({ ...clock, ...more }),
    );
    const clocks = [seconds, null, () => Number.NaN, () => "1", () => new Date(), () => undefined];
    await refusesEach(clocks, (now) => call({ now }));
  }
});

test("a key to sign with is 24 to 64 decoded bytes, never the text of the secret", async () => {
  const wrong = [
    ...[undefined, null, 42, {}, [], secret, "abc", "", Buffer.alloc(0), Buffer.from("abc")],
    ...[Buffer.alloc(23), Buffer.alloc(65), Buffer.from(secret), new TextEncoder().encode(secret)],
  ];
  await refusesEach(wrong, (one) => sign(one, "event_1", seconds, body));
  await refusesEach([...noTexts, "", "a.b", "a b", "é", "a\n"], (id) =>
    sign(key, id, seconds, body),
  );
  const times = [undefined, null, "1", -1, 1.5, Number.NaN, 1e12, true, new Date()];
  await refusesEach(times, (time) => sign(key, "event_1", time, body));
});

test("a secret is made of bytes, never of text", async () => {
  const text = "a".repeat(32);
  const wrong = [undefined, null, 42, text, "", [...key], {}, Buffer.alloc(23), Buffer.alloc(65)];
  await refusesEach(wrong, (bytes) => encodeSecret(bytes));
  expect(encodeSecret(key.buffer as Anything)).toBe(secret);
});

test("a client needs a URL and a key that a header can carry, and knows each of its options", async () => {
  const valid = { url: "https://postrider.test/base/", apiKey: "prk_test" };
  expect(() => new Postrider({ ...valid, teamId: "t" })).not.toThrow();
  await refusesEach(
    [undefined, null, "https://a.test", [], 42],
    (options) => new Postrider(options),
  );
  const urls = [
    "postrider.test",
    "ftp://a.test",
    "https://u:p@a.test",
    "https://a.test?x=1",
    "https://a.test#",
  ];
  await refusesEach([...noTexts, "", ...urls], (url) => new Postrider({ ...valid, url }));
  const keys = ["prk_test\n", " prk_test", "Bearer prk_test", "prk_tést", secret];
  await refusesEach([...noTexts, "", ...keys], (apiKey) => new Postrider({ ...valid, apiKey }));
  const others: Record<string, Anything[]> = {
    teamId: ["", "a b", 42, null],
    timeoutMs: [0, -1, "1", Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, null],
    retriesMax: [-1, 1.5, "1", Number.POSITIVE_INFINITY, null],
    reportPatienceMs: [-1, "1", Number.NaN, null],
    ...{ fetch: [null, {}], delay: [1], random: [0.5], now: [0], onReportError: [{}, null] },
    ...{ baseUrl: ["https://a.test"], token: ["prk_test"], toString: [1] },
  };
  for (const [name, values] of Object.entries(others)) {
    await refusesEach(values, (value) => new Postrider({ ...valid, [name]: value }));
  }
});

test("buffers, reporters and requests refuse options that they do not understand", async () => {
  const { options, seen } = scripted(() => json({ results: [] }));
  const client: Anything = new Postrider(options);
  await refusesEach(
    [null, 5, "a", [], { max: 1 }, { maxFacts: 0 }, { maxFacts: "1" }, { flushIntervalMs: -1 }],
    (wrong) => client.buffer(wrong),
  );
  for (const start of [client.runs.start, client.calls.start]) {
    await refusesEach([undefined, null, "a", [], 42], (wrong) => start(wrong));
    await refusesEach(
      [null, 5, { buffer: {} }, { buffer: null }, { sink: {} }, { onReportError: 1 }],
      (wrong) => start({}, wrong),
    );
  }
  await refusesEach([...noTexts, "", ".", ".."], (id) => client.runs.get(id));
  await refusesEach([...noTexts, "", ".", ".."], (id) => client.runs.getStep("1", id));
  await refusesEach([null, "", "é", 1], (idempotencyKey) =>
    client.teams.create({ name: "A" }, { idempotencyKey }),
  );
  await refusesEach([null, "", {}, true], (signal) => client.me.get({ signal }));
  expect(seen).toEqual([]);
});

test("an API key is refused in a web page, but not in Node with a document, nor in a worker", () => {
  const open = () => {
    try {
      return new Postrider({ url: "https://postrider.test", apiKey: "prk_secret" });
    } catch (error) {
      return error;
    } finally {
      vi.unstubAllGlobals();
    }
  };
  vi.stubGlobal("document", {});
  expect(open()).toBeInstanceOf(Postrider); // Node, with the document that a test imitates.
  vi.stubGlobal("process", undefined);
  expect(open()).toBeInstanceOf(Postrider); // A worker at the edge has neither.
  vi.stubGlobal("document", {}).stubGlobal("process", undefined);
  const refused = open() as TypeError;
  expect(refused).toBeInstanceOf(TypeError);
  expect(refused.message).toMatch(/^apiKey must not be used in a web page/);
  expect(refused.message).not.toContain("prk_secret");
});
