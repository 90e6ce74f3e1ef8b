import { createHmac, randomBytes } from "node:crypto";
import { sign } from "@postrider/sdk/sign";
import { expect, test } from "vitest";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import { responseBodyContext } from "../../src/db/attempts.ts";
import { payloadContext } from "../../src/db/events.ts";
import { type AttemptDeps, attempt } from "../../src/dispatcher/attempt.ts";
import { nothingSeen, type SendRequest, type Wire } from "../../src/dispatcher/exchange.ts";
import type { Target } from "../../src/dispatcher/targets.ts";
import type { AttemptResult } from "../../src/domain/outcome.ts";
import { publicEventId } from "../../src/ids.ts";
import { sealValue } from "../../src/sealed-values.ts";
import { openKeyring } from "../../src/secrets.ts";
import { leasedDelivery, noListeners } from "../support/leased.ts";

const keyring = openKeyring([Buffer.alloc(32, 7)]);
const secret = randomBytes(32);
const nowMs = 1_800_000_000_999;

const target: Target = {
  active: true,
  url: "http://receiver.test/hook?a=1",
  origin: "http://receiver.test",
  path: "/hook?a=1",
  refused: undefined,
  timeoutSeconds: 10,
  maxRetries: 3,
  backoffSeconds: 10,
  ignoresRetryAfter: false,
  signingSecrets: [secret],
  headers: ["x-own", "1"],
  bodySignature: undefined,
  head: { id: "11111111-1111-8111-8111-111111111111", headers: "{}" },
};

const responded = (status: number, more: object = {}): AttemptResult => ({
  ...{ kind: "responded", status, body: "said", bodyTruncated: false, retryAfter: undefined },
  ...more,
});

type Given = {
  target?: Partial<Target> | undefined;
  /** The database is, in which the target would be found. */
  away?: boolean;
  delivery?: Parameters<typeof leasedDelivery>[0];
  result?: AttemptResult;
  latencyMs?: number;
  wire?: Wire;
  leaseLeftMs?: number;
  moved?: boolean;
};

/** Makes one attempt with these, and tells all that came of it. */
async function make(given: Given = {}) {
  const delivery = leasedDelivery({ payload: Buffer.from('{"a":1}'), ...given.delivery });
  const sent: SendRequest[] = [];
  const records: AttemptRecord[] = [];
  const done: string[] = [];
  const known = "target" in given && !given.target ? undefined : { ...target, ...given.target };
  const find = () => (given.away ? Promise.reject(new Error("away")) : known);
  const deps: AttemptDeps = {
    targets: {
      find,
      forget: (id) => done.push(`forget ${id === delivery.subscriptionId}`),
    },
    answers: noListeners,
    sender: {
      send: async (request) => {
        sent.push(request);
        return {
          result: given.result ?? responded(200),
          latencyMs: given.latencyMs ?? 5.4,
          wire: given.wire ?? nothingSeen,
        };
      },
      close: async () => {},
    },
    recorder: {
      record: async (record) => {
        records.push(record);
        return given.moved ?? true;
      },
      release: async (unsent) => void done.push(`release ${unsent.id === delivery.id}`),
      waiting: 0,
      idle: async () => {},
    },
    keyring,
    random: () => 1,
    nowMs: () => nowMs,
    onLeaseLost: (lost) => done.push(`lost ${lost.id === delivery.id}`),
  };
  const attempted = await attempt(deps, delivery, () => given.leaseLeftMs ?? 26_000);
  const written = attempted.kind === "attempted" ? await attempted.written : undefined;
  return { delivery, attempted, written, sent, record: records[0], done };
}

test("a request carries the payload, the target's headers and the signatures of this moment", async () => {
  const { delivery, sent } = await make({ target: { signingSecrets: [secret, secret] } });
  const id = publicEventId(delivery.eventId);
  const signature = sign(secret, id, 1_800_000_000, Buffer.from('{"a":1}'));
  expect(sent).toEqual([
    {
      origin: "http://receiver.test",
      path: "/hook?a=1",
      headers: [
        ...["x-own", "1", "webhook-id", id, "webhook-timestamp", "1800000000"],
        ...["webhook-signature", `${signature} ${signature}`],
      ],
      body: Buffer.from('{"a":1}'),
      timeoutMs: 10_000,
    },
  ]);
});

test.each([undefined, "x-time"])(
  "a contract's own signature is over the bare body, its time in %s",
  async (timestampHeader) => {
    const key = Buffer.from("key");
    const { sent } = await make({
      target: {
        bodySignature: { header: "x-sig", key, ...(timestampHeader && { timestampHeader }) },
      },
    });
    const hex = createHmac("sha256", key).update('{"a":1}').digest("hex");
    const expected = ["x-sig", hex, ...(timestampHeader ? [timestampHeader, "1800000000"] : [])];
    expect(sent[0]?.headers.slice(2, 2 + expected.length + 1)).toEqual([...expected, "webhook-id"]);
  },
);

const inactive = { ...target, active: false };

test.each<{ it: string; given: Given }>([
  { it: "is disabled", given: { target: inactive } },
  { it: "is gone", given: { target: undefined } },
  { it: "cannot be read", given: { away: true } },
  { it: "would outlive the lease", given: { leaseLeftMs: 15_999 } },
])(
  "when the target $it nothing is sent, the lease given back and the target read anew next time",
  async ({ given }) => {
    const { attempted, sent, record, done } = await make(given);
    expect([attempted, sent, record]).toEqual([{ kind: "released" }, [], undefined]);
    expect(done).toEqual(["forget true", "release true"]);
  },
);

test("an attempt begins while its lease lasts for the longest it can take, and no less", async () => {
  expect((await make({ leaseLeftMs: 16_000 })).sent).toHaveLength(1);
});

const refused = { kind: "unanswered", reason: "blocked_url", detail: "No." } as const;

test("what is refused, or whose payload does not open, is recorded as an attempt and not sent", async () => {
  const blocked = await make({ target: { refused } });
  expect(blocked.sent).toEqual([]);
  expect(blocked.record).toMatchObject({
    errorCode: "blocked_url",
    latencyMs: 0,
    statusCode: null,
  });
  const closed = await make({ delivery: { payload: Buffer.from([0, 1, 2]) } });
  expect(closed.sent).toEqual([]);
  expect(closed.record).toMatchObject({
    errorCode: "decrypt_failed",
    errorMessage: "The event's payload cannot be opened.",
  });
});

test("a sealed payload is opened before it is sent, and its answer is sealed", async () => {
  const known = leasedDelivery();
  const place = payloadContext(known.teamId, known.eventId);
  const payload = sealValue(keyring, '{"b":2}', place);
  const { sent, record, delivery } = await make({ delivery: { ...known, payload, sealed: true } });
  expect(sent[0]?.body.toString()).toBe('{"b":2}');
  expect(record?.responseBody).toBeNull();
  const answerContext = responseBodyContext(delivery.teamId, delivery.id, 1);
  expect(keyring.open(record?.sealedResponseBody ?? Buffer.alloc(0), answerContext)).toBe("said");
  const empty = await make({
    delivery: { ...known, payload, sealed: true },
    result: responded(200, { body: "" }),
  });
  expect(empty.record).toMatchObject({ responseBody: "", sealedResponseBody: null });
});

test("an attempt is recorded as it was made and as it ended", async () => {
  const { delivery, record, written } = await make({
    delivery: { attemptNumber: 2, manual: true, actor: "somebody" },
  });
  expect(record).toMatchObject({
    ...{ teamId: delivery.teamId, deliveryId: delivery.id, createdAt: delivery.createdAt },
    ...{ leaseToken: delivery.leaseToken, number: 2, requestUrl: target.url, statusCode: 200 },
    ...{ responseBody: "said", responseTruncated: false, errorCode: null, errorMessage: null },
    ...{ latencyMs: 5, manual: true, actor: "somebody", outcome: "delivered", delayMs: null },
  });
  expect(written).toEqual({ moved: true, delivered: true, retryInMs: undefined });
});

test("a failure is retried after its delay, in whole milliseconds; a late result tells of no retry", async () => {
  const failed = { result: responded(500), target: { backoffSeconds: 0.3333 } };
  const { record, written, done } = await make(failed);
  expect(record).toMatchObject({ outcome: "retry", delayMs: 333, errorCode: "http_status" });
  expect([written, done]).toEqual([{ moved: true, delivered: false, retryInMs: 333 }, []]);
  const late = await make({ ...failed, moved: false });
  expect([late.written, late.done]).toEqual([
    { moved: false, delivered: false, retryInMs: undefined },
    ["lost true"],
  ]);
});

test("where order counts a request is made once, whatever the subscription says of retries", async () => {
  const { record } = await make({ result: responded(500), delivery: { ordered: true } });
  expect(record).toMatchObject({ outcome: "failed", delayMs: null });
});

test("of an answer that broke off what was seen is kept, as cut short", async () => {
  const seen = { status: 200, body: "hal" };
  const broken = { kind: "unanswered", reason: "timeout", detail: "Too late.", seen } as const;
  expect((await make({ result: broken })).record).toMatchObject({
    ...{ statusCode: 200, responseBody: "hal", responseTruncated: true, errorCode: "timeout" },
  });
  const unseen = { kind: "unanswered", reason: "timeout", detail: "Too late." } as const;
  expect((await make({ result: unseen })).record).toMatchObject({
    ...{ statusCode: null, responseBody: null, responseTruncated: false },
  });
  const cut = responded(200, { bodyTruncated: true });
  expect((await make({ result: cut })).record).toMatchObject({ responseTruncated: true });
});

const unanswered = (reason: "timeout" | "connection_refused") =>
  ({ kind: "unanswered", reason, detail: "" }) as AttemptResult;

test.each<[it: string, given: Given, seen: object]>([
  ["200 soon", {}, { quick: true, answered: true, healthy: true, overburdened: false }],
  ["200 within a second", { latencyMs: 999 }, { quick: true, healthy: true }],
  ["200 late", { latencyMs: 1_000 }, { quick: false, healthy: false, answered: true }],
  ["400", { result: responded(400) }, { quick: true, healthy: false, overburdened: false }],
  ["428", { result: responded(428) }, { overburdened: false }],
  ["429", { result: responded(429) }, { overburdened: true }],
  ["499", { result: responded(499) }, { overburdened: false }],
  ["500", { result: responded(500) }, { overburdened: true }],
  ["a timeout", { result: unanswered("timeout") }, { answered: false, overburdened: true }],
  [
    "a refusal",
    { result: unanswered("connection_refused") },
    { answered: false, overburdened: false },
  ],
  ["quiet", { result: responded(429, { retryAfter: "7" }) }, { quietMs: 7_000 }],
  [
    "no quiet",
    { result: responded(429, { retryAfter: "7" }), target: { ignoresRetryAfter: true } },
    { quietMs: 0 },
  ],
])("what the dispatcher learns of a receiver: %s", async (_it, given, seen) => {
  expect((await make(given)).attempted).toMatchObject(seen);
});
