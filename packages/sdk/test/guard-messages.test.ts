import { expect, test } from "vitest";
import { type ClientOptions, Postrider, verify, verifyBody, verifySecret } from "../src/index.ts";
import { encodeSecret, sign, signBody } from "../src/sign.ts";
import { json, scripted } from "./answers.ts";

// As JavaScript calls: with whatever it has at hand.
// biome-ignore lint/suspicious/noExplicitAny: a value of the wrong type is what these tests hand in.
type Anything = any;

const valid = { url: "https://postrider.test", apiKey: "prk_test" };
const open = (own: Anything = {}) => new Postrider({ ...valid, ...own });

/** The message of the TypeError by which a mistake is told. */
async function messageOf(call: () => unknown): Promise<string> {
  const error = await Promise.resolve()
    .then(call)
    .then(
      () => "accepted",
      (thrown: unknown) => thrown,
    );
  expect(error).toBeInstanceOf(TypeError);
  return (error as TypeError).message;
}

test.each<[Anything, string]>([
  [undefined, "undefined"],
  [null, "null"],
  ["", "empty"],
  [[], "an array"],
  [["1"], "an array"],
  [{}, "an object"],
  [new Date(), "an object"],
  [42, "a number"],
  [0, "a number"],
  [1n, "a bigint"],
  [true, "a boolean"],
  [Symbol("s"), "a symbol"],
  [() => "1", "a function"],
])("a mistake says what was handed in, but does not quote it (%#)", async (value, kind) => {
  const said = await messageOf(() => open().runs.get(value));
  expect(said).toBe(`The id must be a non-empty string, but it is ${kind}.`);
});

const notSet = "Set it, for instance in the environment.";
const fromBounds = (name: string, kind: string, bounds: string) =>
  `${name} must be ${kind}, ${bounds}.`;

test.each<[string, Anything, string]>([
  ["url", undefined, "url must be a non-empty string, but it is undefined."],
  ["url", "a", 'url must be a whole URL such as "https://postrider.example.com".'],
  ["url", "ftp://a.test", 'url must begin with "https://" or "http://".'],
  ["url", "https://u@a.test", "url must hold no user name and no password."],
  ["url", "https://:p@a.test", "url must hold no user name and no password."],
  ["url", "https://a.test?", 'url must hold no "?" and no "#".'],
  ["url", "https://a.test/#", 'url must hold no "?" and no "#".'],
  ["apiKey", undefined, `apiKey is undefined. ${notSet}`],
  ["apiKey", null, `apiKey is null. ${notSet}`],
  ["apiKey", "", `apiKey is empty. ${notSet}`],
  ["apiKey", 42, "apiKey must be a non-empty string, but it is a number."],
  ["apiKey", "a b", "apiKey must be printable ASCII without blanks or line breaks."],
  ["apiKey", "whsec_a", "apiKey is a signing secret (whsec_…), and not an API key."],
  ["apiKey", "\ud800", "apiKey holds half of a surrogate pair."],
  ["teamId", "é", "teamId must be printable ASCII without blanks or line breaks."],
  ["teamId", "", "teamId must be a non-empty string, but it is empty."],
  ["timeoutMs", 0, fromBounds("timeoutMs", "a finite number", "1 to 2147483647")],
  ["timeoutMs", 2 ** 31, fromBounds("timeoutMs", "a finite number", "1 to 2147483647")],
  ["retriesMax", -1, fromBounds("retriesMax", "a whole number", "0 to 1000")],
  ["retriesMax", 1.5, fromBounds("retriesMax", "a whole number", "0 to 1000")],
  ["retriesMax", 1_001, fromBounds("retriesMax", "a whole number", "0 to 1000")],
  ["reportPatienceMs", -1, fromBounds("reportPatienceMs", "a finite number", "0 to 2147483647")],
  [
    "reportPatienceMs",
    2 ** 31,
    fromBounds("reportPatienceMs", "a finite number", "0 to 2147483647"),
  ],
  ["fetch", "a", "fetch must be a function, but it is a string."],
])("a client says what is wrong with its %s (%#)", async (name, value, message) => {
  expect(await messageOf(() => open({ [name]: value }))).toBe(message);
});

test("a client whose URL or key was left out says so", async () => {
  const { url, apiKey } = valid;
  expect(await messageOf(() => new Postrider({ apiKey } as ClientOptions))).toMatch(/^url must be/);
  expect(await messageOf(() => new Postrider({ url } as ClientOptions))).toMatch(
    /^apiKey is undef/,
  );
});

test.each<Partial<ClientOptions>>([
  ...[{ timeoutMs: 1 }, { timeoutMs: 2_147_483_647 }, { retriesMax: 0 }, { retriesMax: 1_000 }],
  ...[{ reportPatienceMs: 0 }, { reportPatienceMs: 2_147_483_647 }],
  ...[{ url: "http://a.test" }, { url: "https://a.test/base/" }],
])("a client takes what its bounds include: %j", (own) => {
  expect(() => open(own)).not.toThrow();
});

test.each<[Anything, string]>([
  [{ maxFacts: 0 }, fromBounds("maxFacts", "a whole number", "1 or more")],
  [{ maxFacts: 1.5 }, fromBounds("maxFacts", "a whole number", "1 or more")],
  [{ maxFacts: Number.NaN }, fromBounds("maxFacts", "a whole number", "1 or more")],
  [{ flushIntervalMs: -1 }, fromBounds("flushIntervalMs", "a finite number", "0 to 2147483647")],
  [
    { flushIntervalMs: 2 ** 31 },
    fromBounds("flushIntervalMs", "a finite number", "0 to 2147483647"),
  ],
  [{ onReportError: 1 }, "onReportError must be a function, but it is a number."],
  [
    { max: 1 },
    'The options have no member "max"; there are maxFacts, flushIntervalMs, onReportError.',
  ],
  [[], "The options must be an object, but it is an array."],
])("a buffer says what is wrong with its options (%#)", async (options, message) => {
  expect(await messageOf(() => open().buffer(options))).toBe(message);
});

test("a buffer takes what its bounds include, and options that are undefined", () => {
  for (const options of [
    { maxFacts: 1 },
    { flushIntervalMs: 0 },
    { flushIntervalMs: 2_147_483_647 },
    { maxFacts: undefined },
    {},
    undefined,
  ]) {
    expect(() => open().buffer(options as Anything)).not.toThrow();
  }
});

test("reporters say what is wrong with what they were given", async () => {
  const { options } = scripted(() => json({ results: [] }));
  const client: Anything = new Postrider(options);
  const run = await client.runs.start({});
  const sink = "buffer must be a buffer, as postrider.buffer() opens it.";
  const [report, flush] = [async () => {}, async () => {}];
  const said: [() => unknown, string][] = [
    [() => client.runs.start(1), "The run must be an object, but it is a number."],
    [() => client.calls.start("a"), "The call must be an object, but it is a string."],
    [() => client.runs.start({}, { buffer: { report } }), sink],
    [() => client.runs.start({}, { buffer: { flush } }), sink],
    [() => client.calls.start({}, { buffer: null }), sink],
    [() => run.step(1, () => {}), "A step's name must be a string, but it is a number."],
    [() => run.step("a", 1), "A step's work must be a function, but it is a number."],
    [() => run.step("a", () => {}, { id: "" }), "id must be a non-empty string, but it is empty."],
    [
      () => run.step("a", () => {}, { output: 1 }),
      "output must be a function, but it is a number.",
    ],
    [
      () => run.step("a", () => {}, { name: 1 }),
      'The options have no member "name"; there are id, output.',
    ],
  ];
  for (const [call, message] of said) expect(await messageOf(call)).toBe(message);
  expect(() => client.runs.start({}, { buffer: { report, flush } })).not.toThrow();
});

test("requests say what is wrong with their options and ids", async () => {
  const { teams, me, runs }: Anything = open();
  const named = (idempotencyKey: Anything) => () => teams.create({}, { idempotencyKey });
  const key = "idempotencyKey must be 1 to 255 printable ASCII characters.";
  const said: [() => unknown, string][] = [
    [named(""), key],
    [named("a".repeat(256)), key],
    [named(1), key],
    [() => me.get({ signal: {} }), "signal must be an AbortSignal, but it is an object."],
    [() => me.get({ signal: null }), "signal must be an AbortSignal, but it is null."],
    [
      () => me.get({ idempotencykey: "mine" } as Anything),
      'The options have no member "idempotencykey"; there are signal, idempotencyKey.',
    ],
    [() => me.get("mine" as Anything), "The options must be an object, but it is a string."],
    [() => runs.get("."), 'The id must not be ".".'],
    [() => runs.get(".."), 'The id must not be "..".'],
  ];
  for (const [call, message] of said) expect(await messageOf(call)).toBe(message);
});

const key = new Uint8Array(32).fill(7);
const secret = encodeSecret(key);

test("those who sign and verify hear what is wrong with a secret, an id, a time or a header", async () => {
  const at = (seconds: number) => () => sign(key, "a", seconds, "");
  const time = "The timestamp must be a whole number, 0 to 999999999999.";
  const isText = (kind: string) => `The signing secret is ${kind}. It is a text like "whsec_…".`;
  const length = "The signing secret must hold 24 to 64 bytes.";
  const bytes: Anything = "text";
  const said: [() => unknown, string][] = [
    [() => verify("", {}, ""), isText("empty")],
    [() => verify("", {}, 42 as Anything), isText("a number")],
    [() => verify("", {}, []), "At least one signing secret is needed."],
    [() => verify("", {}, "whsec_*"), 'The signing secret must be base64 after "whsec_".'],
    [() => verify("", {}, "a"), 'The signing secret must begin with "whsec_".'],
    [() => verify("", 1 as Anything, secret), "The headers must be an object, but it is a number."],
    [() => verify("", { a: 1 } as Anything, secret), headerKind("a number")],
    [() => sign(key.subarray(0, 23), "a", 1, ""), length],
    [() => sign(new Uint8Array(65), "a", 1, ""), length],
    [
      () => sign(bytes, "a", 1, ""),
      "The signing secret must be bytes. Decode it with decodeSecret.",
    ],
    [
      () => sign(Buffer.from(secret), "a", 1, ""),
      'The signing secret is still a text "whsec_…". Use decodeSecret.',
    ],
    [() => sign(key, "a.b", 1, ""), "The id must be visible ASCII without a full stop."],
    [() => sign(key, 1 as Anything, 1, ""), "The id must be visible ASCII without a full stop."],
    ...[at(-1), at(1.5), at(1e12)].map((call): [() => unknown, string] => [call, time]),
    [() => encodeSecret(bytes), "The signing secret must be made of bytes, not of a string."],
    [() => signBody("", ""), "The secret must be a non-empty string, but it is empty."],
    [() => verifyBody("", "", ""), "The secret must be a non-empty string, but it is empty."],
    [
      () => verifySecret("", "é"),
      "The secret must be printable ASCII: nothing else travels in a header.",
    ],
    [
      () => verifySecret(42 as Anything, "a"),
      "The header's value must be a string, but it is a number.",
    ],
  ];
  for (const [call, message] of said) expect(await messageOf(call)).toBe(message);
});

const headerKind = (kind: string) =>
  `Each header must be a string, but one is ${kind}. Pass the request's headers.`;

test("a signature can be made at the first and at the last time, and under 24 to 64 bytes", () => {
  for (const seconds of [0, 999_999_999_999]) {
    expect(sign(key, "a", seconds, "")).toMatch(/^v1,/);
  }
  for (const length of [24, 64]) {
    const bytes = new Uint8Array(length);
    expect(sign(bytes, "a", 0, "")).toMatch(/^v1,/);
    expect(encodeSecret(bytes)).toMatch(/^whsec_/);
  }
});
