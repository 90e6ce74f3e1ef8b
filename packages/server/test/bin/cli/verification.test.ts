import { decodeSecret, sign, signBody } from "@postrider/sdk/sign";
import { expect, test } from "vitest";
import { headersOf, parseRequest } from "../../../bin/cli/request-text.ts";
import { allHolds, type Check, examineRequest } from "../../../bin/cli/verification.ts";

// 32 bytes whose base64 has +, / and = in it.
const secret = `whsec_${Buffer.from([...Array(30).fill(251), 255, 254]).toString("base64")}`;
const id = "event_6b01200f-a9f6-8123-8abc-0123456789ab";
const signedAt = 1_796_053_328;
const event = {
  event_id: id,
  action: "workflow_run_completed",
  workflow_name: "Über die Straße",
  run: { id: "6b0c3f2a9d4e5f6071829306", output: { total: 12, slots: [1, 2] } },
};
const text = JSON.stringify(event);
const signature = sign(decodeSecret(secret), id, signedAt, text);

type Given = {
  body?: string | Buffer;
  secret?: string;
  headers?: Record<string, string>;
  nowSeconds?: number;
  ignoreAge?: boolean;
};

/** What is found of a request that was signed right, and then changed like this. */
async function look(given: Given = {}): Promise<Check[]> {
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(signedAt),
    "webhook-signature": signature,
    ...given.headers,
  };
  return await examineRequest({
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    body: Buffer.from((given.body ?? text) as string),
    secrets: [given.secret ?? secret],
    nowMs: (given.nowSeconds ?? signedAt + 4) * 1_000,
    ...(given.ignoreAge && { ignoreAge: true }),
  });
}

const says = (checks: readonly Check[], check: Check["check"]) =>
  checks.find((one) => one.check === check)?.says;

test("a request as it came holds", async () => {
  const checks = await look({ headers: { "content-length": String(Buffer.byteLength(text)) } });
  expect(allHolds(checks)).toBe(true);
  expect(checks.map(({ check, says }) => [check, says])).toEqual([
    ["signature", "matches"],
    ["timestamp", "holds (4 s old)"],
    ["body", `${Buffer.byteLength(text)} bytes, valid JSON`],
  ]);
});

const sorted = JSON.stringify({
  action: event.action,
  event_id: id,
  run: event.run,
  workflow_name: event.workflow_name,
});
const escaped = text.replace(
  /[^\x20-\x7e]/g,
  (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
);

test.each<[what: string, given: Given, check: Check["check"], says: RegExp]>([
  [
    "a body that was pretty-printed",
    { body: JSON.stringify(event, null, 2) },
    "body",
    /pretty-printed/,
  ],
  [
    "blanks behind colons, as Python writes them",
    { body: text.replaceAll('":', '": ') },
    "body",
    /re-encoded: blanks, escapes/,
  ],
  ["letters that were escaped", { body: escaped }, "body", /re-encoded: blanks, escapes/],
  ["members in another order", { body: sorted }, "body", /re-encoded: the order of its members/],
  ["a line break at the end", { body: `${text}\n` }, "body", /a line break was added/],
  ["CRLF at the end", { body: `${text}\r\n` }, "body", /a line break was added/],
  ["a byte order mark", { body: `\ufeff${text}` }, "body", /byte order mark/],
  ["JSON in JSON", { body: JSON.stringify(text) }, "body", /encoded twice/],
  ["base64", { body: Buffer.from(text).toString("base64") }, "body", /base64, as some gateways/],
  [
    "bytes read as Latin-1",
    { body: Buffer.from(text).toString("latin1") },
    "body",
    /read as Latin-1/,
  ],
  [
    "a body that was cut",
    { body: text.slice(0, 40), headers: { "content-length": "300" } },
    "body",
    /cut off: Content-Length says 300/,
  ],
  [
    "more than Content-Length says",
    { body: `${text}  --`, headers: { "content-length": String(Buffer.byteLength(text)) } },
    "body",
    /Content-Length gives another size/,
  ],
  ["an old request", { nowSeconds: signedAt + 3_600 }, "timestamp", /too old: 1 h/],
  ["a request of the future", { nowSeconds: signedAt - 600 }, "timestamp", /10 min in the future/],
  [
    "milliseconds in place of seconds",
    { headers: { "webhook-timestamp": `${signedAt}000` } },
    "timestamp",
    /no whole number of seconds|in the future/,
  ],
  [
    "no signature",
    { headers: { "webhook-signature": "" } },
    "headers",
    /webhook-signature is missing/,
  ],
  [
    "a signature without v1,",
    { headers: { "webhook-signature": signature.slice(3) } },
    "headers",
    /lacks v1,/,
  ],
  [
    "a signature in quotes",
    { headers: { "webhook-signature": `"${signature}"` } },
    "headers",
    /in quotes/,
  ],
  [
    "a signature in hex",
    {
      headers: {
        "webhook-signature": `v1,${Buffer.from(signature.slice(3), "base64").toString("hex")}`,
      },
    },
    "headers",
    /in hex/,
  ],
  ["an API key for a secret", { secret: "prk_live_abc" }, "secret", /an API key/],
  [
    "the bearer token for a secret",
    { secret: "token-1", headers: { authorization: "Bearer token-1" } },
    "secret",
    /the bearer token/,
  ],
  [
    "an assistant's plain secret",
    { secret: "s3cr3t", headers: { "x-interactly-secret": "s3cr3t" } },
    "secret",
    /stands in x-interactly-secret as it is/,
  ],
  ["a secret without whsec_", { secret: secret.slice(6) }, "secret", /lacks whsec_/],
  [
    "a secret without its last =",
    { secret: secret.replace(/=+$/, "") },
    "secret",
    /lacks = at its end/,
  ],
  [
    "a secret in the base64 of URLs",
    { secret: secret.replaceAll("+", "-").replaceAll("/", "_").replace("whsec-", "whsec_") },
    "secret",
    /base64 of URLs/,
  ],
  [
    "a secret with blanks for +",
    { secret: secret.replaceAll("+", " ") },
    "secret",
    /blanks in place of \+/,
  ],
  [
    "a secret with a line break",
    { secret: `${secret}\n` },
    "secret",
    /a blank or line break around it/,
  ],
  ["a secret in quotes", { secret: `"${secret}"` }, "secret", /has quotes around it/],
  ["a secret that is none", { secret: "hunter2" }, "secret", /is no signing secret/],
  [
    "another endpoint's secret",
    { secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` },
    "secret",
    /that of another endpoint/,
  ],
])("%s is found out", async (_what, given, check, pattern) => {
  const checks = await look(given);
  expect(allHolds(checks)).toBe(false);
  expect(says(checks, check)).toMatch(pattern);
  expect(checks.find((one) => one.check === check)?.mend ?? "").not.toBe("");
});

test("what is changed in the body hides nothing that is wrong with the time", async () => {
  const checks = await look({ body: `${text}\n`, nowSeconds: signedAt + 3_600 });
  expect(says(checks, "body")).toMatch(/line break was added/);
  expect(says(checks, "timestamp")).toMatch(/too old/);
});

test("an old request can be looked at all the same", async () => {
  expect(allHolds(await look({ nowSeconds: signedAt + 3_600, ignoreAge: true }))).toBe(true);
});

test("a contract's own signature that is made with another secret does not count", async () => {
  const checks = await look({ headers: { "x-webhook-signature": signBody("their own", text) } });
  expect(allHolds(checks)).toBe(true);
  expect(says(checks, "other_signature")).toMatch(/made with the webhook's own secret/);
});

test("line breaks that became CRLF are found out", async () => {
  const own = '{"event_id":"event_1",\n"action":"hang"}';
  const checks = await look({
    body: own.replaceAll("\n", "\r\n"),
    headers: { "webhook-signature": sign(decodeSecret(secret), id, signedAt, own) },
  });
  expect(says(checks, "body")).toMatch(/its line breaks are CRLF now/);
});

test("a body that another signature proves says that a header was changed", async () => {
  const checks = await look({
    headers: { "webhook-id": "event_other", "x-interactly-signature": signBody(secret, text) },
  });
  expect(says(checks, "headers")).toMatch(
    /webhook-id, webhook-timestamp or webhook-signature was changed/,
  );
  expect(says(checks, "other_signature")).toMatch(/x-interactly-signature matches/);
});

test("no secret stands in what is found", async () => {
  for (const given of [secret, "hunter2-hunter2", secret.slice(6)]) {
    expect(JSON.stringify(await look({ secret: given, body: "{}" }))).not.toContain(given);
  }
});

test("a request is read with CRLF or LF in its head, and its body byte for byte", () => {
  const head = ["POST /hook HTTP/1.1", "Webhook-Id: a", "X-Two: 1", "x-two: 2"];
  for (const end of ["\r\n", "\n"]) {
    const { headers, body } = parseRequest(Buffer.from(`${head.join(end)}${end}${end}{}\r\n\r\n`));
    expect(headers).toEqual({ "webhook-id": ["a"], "x-two": ["1", "2"] });
    expect(body.toString()).toBe("{}\r\n\r\n");
  }
  expect(() => parseRequest(Buffer.from("{}"))).toThrow(/no empty line/);
  expect(() => headersOf(["no colon"])).toThrow(/not "Name: value"/);
});
