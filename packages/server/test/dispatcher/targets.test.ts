import { randomBytes } from "node:crypto";
import { encodeSecret } from "@postrider/sdk/sign";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Database } from "../../src/db/pool.ts";
import type { TargetRow } from "../../src/db/targets.ts";
import { openTargets } from "../../src/dispatcher/targets.ts";
import type { Contract, SubscriptionSecrets } from "../../src/domain/contracts/contract.ts";
import { newId } from "../../src/ids.ts";
import { openKeyring } from "../../src/secrets.ts";

const keyring = openKeyring([Buffer.alloc(32, 7)]);
const secrets = [randomBytes(32), randomBytes(32)] as const;

const contracts = [
  {
    name: "signing",
    ignoresRetryAfter: true,
    headers: ({ credential, customHeaders }: SubscriptionSecrets) => [
      ...["x-credential", credential ?? "none"],
      ...customHeaders,
    ],
    bodySignature: ({ credential }: SubscriptionSecrets) => ({
      header: "x-sig",
      key: credential ?? "",
    }),
  },
  { name: "plain", headers: () => [] },
] as unknown as Contract[];

const seal = (teamId: string, rowId: string, column: string, value: string) =>
  keyring.seal(value, { table: "subscriptions", column, teamId, rowId });

/** A subscription's row with everything sealed. */
function rowOf(given: Partial<TargetRow> = {}): TargetRow {
  const [teamId, subscriptionId] = [newId(), given.subscriptionId ?? newId()];
  return {
    ...{
      teamId,
      subscriptionId,
      contract: "signing",
      tells: null,
      url: "https://example.com/a?b=1",
    },
    ...{ active: true, timeoutSeconds: 5, maxRetries: 2, backoffSeconds: 9 },
    sealedCredential: seal(teamId, subscriptionId, "sealed_credential", "word"),
    sealedHeaders: seal(teamId, subscriptionId, "sealed_headers", '{"X-Own":"1"}'),
    sealedSigningSecret: seal(
      teamId,
      subscriptionId,
      "sealed_signing_secret",
      encodeSecret(secrets[0]),
    ),
    sealedPreviousSecret: seal(
      teamId,
      subscriptionId,
      "sealed_previous_secret",
      encodeSecret(secrets[1]),
    ),
    ...given,
  };
}

/** The cache over a table of these rows; `reads` counts how often the table was asked. */
function openWorld(rows: TargetRow[]) {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  vi.advanceTimersByTime(10_000);
  const table = { rows, reads: 0, read: async () => table.rows, keeps: 0, keep: async () => [] };
  const sql = (statement: string) => () => {
    if (statement === "keep_request_heads") {
      table.keeps++;
      return table.keep();
    }
    table.reads++;
    return table.read();
  };
  const targets = openTargets({
    database: { sql } as unknown as Database,
    keyring,
    contracts,
    urlPolicy: { allowHttp: false, egressAllow: [] },
    userAgent: "Postrider/test",
    headerPrefix: "x-test",
  });
  return { table, targets };
}

test("a target has its subscription's URL and policy, the common headers, its contract's and its own, and both secrets", async () => {
  const row = rowOf();
  const { targets } = openWorld([row]);
  expect(await targets.find(row.subscriptionId)).toEqual({
    ...{ active: true, url: row.url, timeoutSeconds: 5, maxRetries: 2, backoffSeconds: 9 },
    ...{ origin: "https://example.com", path: "/a?b=1", refused: undefined },
    ignoresRetryAfter: true,
    signingSecrets: [...secrets],
    headers: [
      ...["content-type", "application/json", "user-agent", "Postrider/test"],
      ...["accept-encoding", "identity", "x-credential", "word", "X-Own", "1"],
    ],
    bodySignature: { header: "x-sig", key: Buffer.from("word") },
    head: {
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      headers: JSON.stringify({
        ...{ "content-type": "application/json", "user-agent": "Postrider/test" },
        ...{ "accept-encoding": "identity", "x-credential": "***", "x-own": "***" },
        ...{ "x-sig": { fresh: "bodySignature" }, "webhook-id": { fresh: "id" } },
        ...{ "webhook-timestamp": { fresh: "time" }, "webhook-signature": { fresh: "signatures" } },
      }),
    },
  });
});

test("headers are kept before the first request, again after six hours, and not of what cannot be sent to", async () => {
  const [row, refused] = [rowOf(), rowOf({ url: "http://example.com/" })];
  const { table, targets } = openWorld([row, refused]);
  table.keep = () => Promise.reject(new Error("away"));
  await expect(targets.find(row.subscriptionId)).rejects.toThrow("away");
  table.keep = async () => [];
  const keepsFor = async (id: string) => {
    const before = table.keeps;
    targets.forget();
    await targets.find(id);
    return table.keeps - before;
  };
  expect(await keepsFor(row.subscriptionId)).toBe(1);
  expect(await keepsFor(row.subscriptionId)).toBe(0);
  expect(await keepsFor(refused.subscriptionId)).toBe(0);
  vi.advanceTimersByTime(6 * 3_600_000 + 1);
  expect(await keepsFor(row.subscriptionId)).toBe(1);
});

test("a target without credential, headers, former secret and a contract's signature has none of them", async () => {
  const bare = { sealedCredential: null, sealedHeaders: null, sealedPreviousSecret: null };
  const row = rowOf({ ...bare, contract: "plain", active: false });
  const { targets } = openWorld([row]);
  const found = await targets.find(row.subscriptionId);
  expect(found).toMatchObject({ active: false, ignoresRetryAfter: false, refused: undefined });
  expect(found?.bodySignature).toBeUndefined();
  expect(found?.signingSecrets).toEqual([secrets[0]]);
  expect(found?.headers).toHaveLength(6);
});

const broken = Buffer.from("broken");
const closed = "The subscription's secrets cannot be opened; set its token or rotate its secret.";

test.each<{ it: string; row: () => TargetRow; reason: string; detail: RegExp }>([
  {
    it: "an address that is not delivered to",
    row: () => rowOf({ url: "http://example.com/" }),
    reason: "blocked_url",
    detail: /./,
  },
  {
    it: "a secret that does not open",
    row: () => rowOf({ sealedSigningSecret: broken }),
    reason: "decrypt_failed",
    detail: new RegExp(closed),
  },
  {
    it: "a token that does not open",
    row: () => rowOf({ sealedCredential: broken }),
    reason: "decrypt_failed",
    detail: new RegExp(closed),
  },
  {
    it: "a header that is refused by now",
    row: () => {
      const row = rowOf();
      const headers = seal(row.teamId, row.subscriptionId, "sealed_headers", '{"Host":"a"}');
      return { ...row, sealedHeaders: headers };
    },
    reason: "blocked_header",
    detail: /^The subscription's custom headers are not sent any more: one named Host .+\.$/,
  },
  {
    it: "a header of the contract's own",
    row: () => {
      const row = rowOf();
      const headers = seal(
        row.teamId,
        row.subscriptionId,
        "sealed_headers",
        '{"X-Credential":"a"}',
      );
      return { ...row, sealedHeaders: headers };
    },
    reason: "blocked_header",
    detail: /one named X-Credential/,
  },
  {
    it: "too many headers",
    row: () => {
      const row = rowOf();
      const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`X-${n}`, "a"]));
      const headers = seal(row.teamId, row.subscriptionId, "sealed_headers", JSON.stringify(many));
      return { ...row, sealedHeaders: headers };
    },
    reason: "blocked_header",
    detail: /not sent any more: the list /,
  },
])(
  "$it is what every attempt comes to, and other targets are not touched",
  async ({ row, reason, detail }) => {
    const [refused, other] = [row(), rowOf()];
    const { targets } = openWorld([refused, other]);
    const [found, beside] = await Promise.all(
      [refused, other].map(({ subscriptionId }) => targets.find(subscriptionId)),
    );
    expect(found?.refused).toMatchObject({ kind: "unanswered", reason });
    expect(found?.refused?.kind === "unanswered" && found.refused.detail).toMatch(detail);
    expect(beside?.refused).toBeUndefined();
  },
);

test("concurrent callers share one read, and its result is reused for five seconds", async () => {
  const rows = [rowOf(), rowOf()];
  const { table, targets } = openWorld(rows);
  const [first, second] = rows.map(({ subscriptionId }) => subscriptionId) as [string, string];
  const found = await Promise.all([first, second, first, "nobody"].map((id) => targets.find(id)));
  expect(found.map((target) => target?.url === rows[0]?.url)).toEqual([true, true, true, false]);
  expect(table.reads).toBe(1);
  vi.advanceTimersByTime(4_999);
  expect(targets.find(first)).toBe(found[0]);
  expect(targets.find("nobody")).toBeUndefined();
  vi.advanceTimersByTime(1);
  table.rows = [rowOf({ subscriptionId: first, url: "https://other.example.com/" })];
  expect(await targets.find(first)).toMatchObject({ url: "https://other.example.com/" });
  expect(table.reads).toBe(2);
});

test("what is forgotten is read anew, one target or all of them", async () => {
  const rows = [rowOf(), rowOf()];
  const { table, targets } = openWorld(rows);
  const [first, second] = rows.map(({ subscriptionId }) => subscriptionId) as [string, string];
  const readsFor = async (id: string) => {
    const before = table.reads;
    await targets.find(id);
    return table.reads - before;
  };
  expect([await readsFor(first), await readsFor(second)]).toEqual([1, 1]);
  targets.forget(first);
  expect([await readsFor(first), await readsFor(second)]).toEqual([1, 0]);
  targets.forget();
  expect([await readsFor(first), await readsFor(second)]).toEqual([1, 1]);
});

test("a value that changed while it was read goes to its callers, and is not cached", async () => {
  const row = rowOf();
  const { table, targets } = openWorld([row]);
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    table.read = () => {
      resolve();
      return new Promise((give) => {
        answer = () => give([row]);
      });
    };
  });
  const found = targets.find(row.subscriptionId);
  await asked;
  targets.forget("another");
  answer();
  expect(await found).toMatchObject({ url: row.url });
  table.read = async () => [row];
  await targets.find(row.subscriptionId);
  expect(table.reads).toBe(2);
});

test("a failed read goes to its callers, and the next caller reads again", async () => {
  const row = rowOf();
  const { table, targets } = openWorld([row]);
  table.read = () => Promise.reject(new Error("away"));
  await expect(targets.find(row.subscriptionId)).rejects.toThrow("away");
  table.read = async () => [row];
  expect(await targets.find(row.subscriptionId)).toMatchObject({ url: row.url });
});

test("of 20,000 targets the one that was read first is let go for the next", async () => {
  const { table, targets } = openWorld([]);
  const ids = Array.from({ length: 20_000 }, (_, n) => `s${n}`);
  await Promise.all(ids.map((id) => targets.find(id)));
  const isKnown = (id: string) => !(targets.find(id) instanceof Promise);
  expect([isKnown("s0"), isKnown("s1"), isKnown("s19999")]).toEqual([true, true, true]);
  await targets.find("one more");
  expect(table.reads).toBe(2);
  expect([isKnown("s1"), isKnown("s19999"), isKnown("one more")]).toEqual([true, true, true]);
  expect(isKnown("s0")).toBe(false);
});
