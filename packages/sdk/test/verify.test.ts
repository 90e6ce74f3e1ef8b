import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { rowsOf } from "../../server/test/hostile/rows.ts";
import { verify, WebhookVerificationError } from "../src/index.ts";
import { decodeSecret, encodeSecret, sign } from "../src/sign.ts";

const secret = encodeSecret(new Uint8Array(32).fill(7));
const otherSecret = encodeSecret(new Uint8Array(32).fill(8));
const timestamp = 1_767_225_600;
const id = "event_0b6c1d7e-9d3f-4c55-8d55-0d2f1b1f8a11";
const body = '{"a":"é😀"}';
const clock = { now: () => timestamp * 1000 + 999 };

/** Makes the headers of a request signed at `seconds` under each of the secrets. */
function headersOf(seconds = timestamp, secrets = [secret]): Record<string, string> {
  const signatures = secrets.map((one) => sign(decodeSecret(one), id, seconds, Buffer.from(body)));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatures.join(" "),
  };
}

async function codeOf(
  headers: Parameters<typeof verify>[1],
  { payload = body, options = clock }: { payload?: string; options?: object } = {},
): Promise<string> {
  try {
    await verify(payload, headers, secret, { ...clock, ...options });
    return "accepted";
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.code;
    throw error;
  }
}

test("a signed request gives its id and its time", async () => {
  const verified = { id, timestamp: new Date(timestamp * 1000) };
  expect(await verify(body, headersOf(), secret, clock)).toMatchObject(verified);
  expect(await verify(Buffer.from(body), headersOf(), [secret], clock)).toMatchObject(verified);
  const bytes = new TextEncoder().encode(body);
  expect(await verify(bytes, headersOf(), secret, clock)).toMatchObject(verified);
});

test("what the standardwebhooks package signs is accepted by the real clock", async () => {
  const now = new Date();
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign("msg_1", now, body),
  };
  expect(await verify(body, headers, secret)).toMatchObject({ id: "msg_1" });
});

test("header names are matched in any case, in objects and in Headers", async () => {
  const upper = Object.entries(headersOf()).map(([name, value]) => [name.toUpperCase(), value]);
  expect(await codeOf(Object.fromEntries(upper))).toBe("accepted");
  expect(await codeOf(new Headers(headersOf()))).toBe("accepted");
  expect(await codeOf({ ...headersOf(), get: "a header called get" })).toBe("accepted");
});

test("during a rotation one of two signatures and one of two secrets is enough", async () => {
  expect(await codeOf(headersOf(timestamp, [otherSecret, secret]))).toBe("accepted");
  expect(await codeOf(headersOf(timestamp, [secret, otherSecret]))).toBe("accepted");
  const signed = headersOf();
  expect(await verify(body, signed, [otherSecret, secret], clock)).toMatchObject({ id });
  const list = (signed["webhook-signature"] ?? "").split(" ");
  expect(await codeOf({ ...signed, "webhook-signature": ["v1,AAAA", ...list] })).toBe("accepted");
});

test("a refusal says what is wrong, and with which header", async () => {
  const headers = headersOf();
  for (const [wrong, message] of [
    [{ "webhook-id": undefined }, "The webhook-id header is missing."],
    [{ "webhook-timestamp": undefined }, "The webhook-timestamp header is missing."],
    [{ "webhook-signature": undefined }, "The webhook-signature header is missing."],
    [{ "webhook-id": "a.b" }, "The webhook-id header is malformed."],
    [{ "webhook-timestamp": "now" }, "The webhook-timestamp header is malformed."],
    [{ "webhook-signature": "v1,AAAA" }, "No signature matches the request."],
    [headersOf(timestamp - 301), "The request was signed too long ago."],
    [headersOf(timestamp + 301), "The request was signed in the future."],
  ] as const) {
    const verifying = verify(body, { ...headers, ...wrong }, secret, clock);
    await expect(verifying).rejects.toThrow(new RegExp(`^${message}$`));
  }
});

test("a changed body, id or time, or another secret, is refused", async () => {
  const headers = headersOf();
  expect(await codeOf(headers, { payload: body.replace("a", "b") })).toBe("no_matching_signature");
  expect(await codeOf(headers, { payload: '{"a": "é😀"}' })).toBe("no_matching_signature");
  expect(await codeOf({ ...headers, "webhook-id": "event_2" })).toBe("no_matching_signature");
  expect(await codeOf({ ...headers, "webhook-timestamp": String(timestamp + 1) })).toBe(
    "no_matching_signature",
  );
  expect(await codeOf(headersOf(timestamp, [otherSecret]))).toBe("no_matching_signature");
});

type MutationCase = {
  id: string;
  why: string;
  input: { verify_mutation?: string };
  expect: { valid?: boolean };
};

/** Does to a signed request what a case of the corpus names. */
function mutate(mutation: string): {
  headers: Record<string, string | undefined>;
  payload: string;
} {
  const headers = headersOf();
  const whole = headers["webhook-signature"] ?? "";
  const withHeader = (name: string, value: string | undefined) => ({
    headers: { ...headers, [name]: value },
    payload: body,
  });
  switch (mutation) {
    case "body byte flipped":
      return { headers, payload: body.replace("a", "b") };
    case "body re-serialised with spaces":
      return { headers, payload: JSON.stringify(JSON.parse(body), undefined, 1) };
    case "timestamp +1":
      return withHeader("webhook-timestamp", String(timestamp + 1));
    case "timestamp 301 s old":
      return { headers: headersOf(timestamp - 301), payload: body };
    case 'timestamp "1614265330.0"':
      return withHeader("webhook-timestamp", "1614265330.0");
    case "timestamp missing":
      return withHeader("webhook-timestamp", undefined);
    case "id replaced":
      return withHeader("webhook-id", "event_2");
    case "signature missing":
      return withHeader("webhook-signature", undefined);
    case 'signature "v1,"':
      return withHeader("webhook-signature", "v1,");
    case "signature truncated":
      return withHeader("webhook-signature", whole.slice(0, -4));
    case "two signatures, one valid":
      return { headers: headersOf(timestamp, [otherSecret, secret]), payload: body };
    default:
      throw new Error(`unknown mutation ${mutation}`);
  }
}

test.each(rowsOf<MutationCase>("signature: altered"))(
  "$id: $input.verify_mutation ($why)",
  async ({ input, expect: wanted }) => {
    const { headers, payload } = mutate(input.verify_mutation ?? "");
    expect((await codeOf(headers, { payload })) === "accepted").toBe(wanted.valid);
  },
);

test("a request is fresh for exactly 300 seconds either way, or as told", async () => {
  expect(await codeOf(headersOf(timestamp - 300))).toBe("accepted");
  expect(await codeOf(headersOf(timestamp - 301))).toBe("timestamp_too_old");
  expect(await codeOf(headersOf(timestamp + 300))).toBe("accepted");
  expect(await codeOf(headersOf(timestamp + 301))).toBe("timestamp_too_new");
  const strict = { options: { toleranceSeconds: 10 } };
  expect(await codeOf(headersOf(timestamp - 10), strict)).toBe("accepted");
  expect(await codeOf(headersOf(timestamp - 11), strict)).toBe("timestamp_too_old");
  await expect(codeOf(headersOf(0), { options: { toleranceSeconds: Number.NaN } })).rejects.toThrow(
    TypeError,
  );
  const exact = { options: { toleranceSeconds: 0 } };
  expect(await codeOf(headersOf(), exact)).toBe("accepted");
  expect(await codeOf(headersOf(timestamp - 1), exact)).toBe("timestamp_too_old");
  expect(await codeOf(headersOf(timestamp + 1), exact)).toBe("timestamp_too_new");
  expect(await codeOf(headersOf(0), { options: { now: () => 0 } })).toBe("accepted");
});

test.each(["webhook-id", "webhook-timestamp", "webhook-signature"])(
  "a request without %s is refused",
  async (name) => {
    expect(await codeOf({ ...headersOf(), [name]: undefined })).toBe("missing_header");
    expect(await codeOf({ ...headersOf(), [name]: "" })).toBe("missing_header");
    expect(await codeOf({ ...headersOf(), [name]: [] })).toBe("missing_header");
    const headers = new Headers(headersOf());
    headers.delete(name);
    expect(await codeOf(headers)).toBe("missing_header");
  },
);

test.each([
  "1614265330.0",
  " 1767225600",
  "1767225600 ",
  "+1767225600",
  "-1",
  "1e9",
  "0x69",
  "NaN",
  "1767225600\n",
  "99999999999999999999",
  "１７６７２２５６００",
])("the timestamp %j is refused", async (value) => {
  expect(await codeOf({ ...headersOf(), "webhook-timestamp": value })).toBe("invalid_header");
});

test("an id or time given twice is refused", async () => {
  const headers = headersOf();
  expect(await codeOf({ ...headers, "webhook-id": [id, id] })).toBe("invalid_header");
  expect(await codeOf({ ...headers, "Webhook-Timestamp": String(timestamp) })).toBe(
    "invalid_header",
  );
});

test("the signed bytes cannot be cut into another id, time and body", async () => {
  const signature = sign(decodeSecret(secret), "event_1", timestamp, Buffer.from("1767225600.x"));
  const headers = {
    "webhook-id": `event_1.${timestamp}`,
    "webhook-timestamp": "1767225600",
    "webhook-signature": signature,
  };
  expect(await codeOf(headers, { payload: "x" })).toBe("invalid_header");
});

test("only a whole v1 signature counts", async () => {
  const whole = headersOf()["webhook-signature"] ?? "";
  const bare = whole.slice(3);
  for (const signature of [
    "v1,",
    "v1",
    ",",
    " ",
    bare,
    `v1a,${bare}`,
    `v2,${bare}`,
    `V1,${bare}`,
    whole.slice(0, -1),
    `${whole}=`,
    `${whole},x`,
    whole.replace(",", ", "),
    whole.toLowerCase(),
  ]) {
    expect(await codeOf({ ...headersOf(), "webhook-signature": signature })).toBe(
      "no_matching_signature",
    );
  }
});

test("no more than 16 signatures are looked at", async () => {
  const whole = headersOf()["webhook-signature"] ?? "";
  const behind = (count: number) => `${"v1,AAAA ".repeat(count)}${whole}`;
  expect(await codeOf({ ...headersOf(), "webhook-signature": behind(15) })).toBe("accepted");
  expect(await codeOf({ ...headersOf(), "webhook-signature": behind(16) })).toBe(
    "no_matching_signature",
  );
});

test("a malformed or absent secret is the caller's mistake, not the sender's", async () => {
  await expect(verify(body, headersOf(), "whsec_short", clock)).rejects.toThrow(TypeError);
  await expect(verify(body, headersOf(), [], clock)).rejects.toThrow(TypeError);
});
