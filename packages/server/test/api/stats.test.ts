import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { openTestApi, type TestApi } from "../support/api.ts";

type Bucket = Record<
  "at" | "delivered" | "failed" | "retried" | "attempts" | "p50_ms" | "p95_ms",
  unknown
>;

async function open(): Promise<TestApi> {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  return api;
}

/** Makes a subscription, as far as counts need one. */
async function endpoint(
  { database: { sql }, teamId }: TestApi,
  contract = "workflow",
  team = teamId,
): Promise<string> {
  const id = newId();
  await sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds, max_retries,
      backoff_seconds, sealed_signing_secret, created_by, updated_by)
    values (${team}, ${id}, ${contract}, 'a', 'https://receiver.example/', '{workflow_created}', 10, 3, 10, '', 'system', 'system')`;
  return id;
}

type Counted = {
  minute: string;
  type?: string;
  part?: number;
  counts: [number, number, number, number];
  latencies?: number[];
};

const count = async (
  { database: { sql }, teamId }: TestApi,
  id: string,
  given: Counted,
  team = teamId,
): Promise<void> => {
  const [attempts, delivered, failed, retried] = given.counts;
  await sql`
    insert into rollups as r
    select ${team}, ${id}, minutes, date_trunc(step, ${given.minute}::timestamptz, 'UTC'), ${given.type ?? "workflow_created"},
      ${given.part ?? 0}, ${attempts}, ${delivered}, ${failed}, ${retried}, ${given.latencies ?? []}::int4[]
    from (values (1, 'minute'), (60, 'hour'), (1440, 'day')) length (minutes, step)
    on conflict (team_id, subscription_id, minutes, at, event_type, part) do update set
      attempts = r.attempts + excluded.attempts, delivered = r.delivered + excluded.delivered,
      failed = r.failed + excluded.failed, retried = r.retried + excluded.retried,
      latencies = array(select coalesce(a, 0) + coalesce(b, 0)
                        from unnest(r.latencies, excluded.latencies) with ordinality t (a, b, n) order by n)`;
};

async function read(api: TestApi, query: string, key = api.key): Promise<Bucket[]> {
  const answer = await api.call("GET", `/v1/stats?${query}`, { key });
  expect(answer.status, answer.text).toBe(200);
  return answer.body.buckets;
}

const day = "from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
const filled = (buckets: Bucket[]) => buckets.filter(({ attempts }) => attempts !== 0);

test("counts of all parts and minutes are added up by buckets, empty ones are there, and durations are read from all", async () => {
  const api = await open();
  const id = await endpoint(api);
  const of = (ms: number) => Array.from({ length: Math.ceil(Math.log2(ms) * 4) }, () => 0);
  await count(api, id, {
    minute: "2026-11-20T10:00:00Z",
    counts: [10, 8, 1, 1],
    latencies: [...of(16), 10],
  });
  await count(api, id, {
    minute: "2026-11-20T10:00:00Z",
    part: 7,
    counts: [80, 80, 0, 0],
    latencies: [...of(16), 80],
  });
  await count(api, id, {
    minute: "2026-11-20T10:59:00Z",
    counts: [10, 0, 10, 0],
    latencies: [...of(1_024), 10],
  });
  await count(api, id, { minute: "2026-11-20T11:00:00Z", counts: [1, 0, 0, 1] });
  const buckets = await read(api, day);
  expect(buckets).toHaveLength(24);
  expect(buckets[0]).toEqual({
    at: "2026-11-20T00:00:00.000Z",
    delivered: 0,
    failed: 0,
    retried: 0,
    attempts: 0,
    p50_ms: null,
    p95_ms: null,
  });
  expect(filled(buckets)).toEqual([
    {
      at: "2026-11-20T10:00:00.000Z",
      delivered: 88,
      failed: 11,
      retried: 1,
      attempts: 100,
      p50_ms: expect.toSatisfy((ms) => ms >= 13 && ms <= 16),
      p95_ms: expect.toSatisfy((ms) => ms >= 861 && ms <= 1_024),
    },
    {
      at: "2026-11-20T11:00:00.000Z",
      delivered: 0,
      failed: 0,
      retried: 1,
      attempts: 1,
      p50_ms: null,
      p95_ms: null,
    },
  ]);
  expect(filled(await read(api, `${day}&step=day`))).toMatchObject([{ attempts: 101 }]);
  const minutes = "from=2026-11-20T10:59:30Z&to=2026-11-20T11:00:30Z&step=minute";
  expect((await read(api, minutes)).map(({ at, attempts }) => [at, attempts])).toEqual([
    ["2026-11-20T10:59:00.000Z", 10],
    ["2026-11-20T11:00:00.000Z", 1],
  ]);
});

test("each filter takes its own alone, and one that names nothing finds nothing", async () => {
  const api = await open();
  const [a, b, c] = [await endpoint(api), await endpoint(api), await endpoint(api, "assistant")];
  const minute = "2026-11-20T10:00:00Z";
  await count(api, a, { minute, counts: [1, 1, 0, 0] });
  await count(api, a, { minute, type: "workflow_updated", counts: [2, 2, 0, 0] });
  await count(api, b, { minute, counts: [4, 4, 0, 0] });
  await count(api, c, { minute, type: "hang", counts: [8, 8, 0, 0] });
  const attempts = async (query: string) =>
    (await read(api, `${day}&step=day&${query}`)).map((bucket) => bucket.attempts);
  expect(await attempts("")).toEqual([15]);
  expect(await attempts(`endpoint_id=${a}`)).toEqual([3]);
  expect(await attempts("contract=assistant")).toEqual([8]);
  expect(await attempts("contract=workflow")).toEqual([7]);
  expect(await attempts("event_type=workflow_created")).toEqual([5]);
  expect(await attempts(`endpoint_id=${a}&event_type=workflow_updated&contract=workflow`)).toEqual([
    2,
  ]);
  expect(await attempts(`endpoint_id=${c}&contract=workflow`)).toEqual([0]);
  expect(await attempts(`endpoint_id=${newId()}`)).toEqual([0]);
});

test("another team's counts are never counted, and its endpoint's id finds nothing", async () => {
  const api = await open();
  const other = await api.newTeam();
  const id = await endpoint(api);
  await count(api, id, { minute: "2026-11-20T10:00:00Z", counts: [1, 1, 0, 0] });
  const theirs = await endpoint(api, "workflow", other.teamId);
  await count(api, theirs, { minute: "2026-11-20T10:00:00Z", counts: [5, 5, 0, 0] }, other.teamId);
  const sum = async (key: string, query = "") =>
    (await read(api, `${day}&step=day${query}`, key)).map(({ attempts }) => attempts);
  expect([await sum(api.key), await sum(other.key)]).toEqual([[1], [5]]);
  expect(await sum(other.key, `&endpoint_id=${id}`)).toEqual([0]);
});

test("without a span it is the last 24 hours by the hour, and what happens now is in the last bucket", async () => {
  const api = await open();
  const id = await endpoint(api);
  const [now] = await api.database.sql<{
    minute: string;
  }>`select date_trunc('minute', now())::text as minute`;
  await count(api, id, { minute: now?.minute ?? "", counts: [3, 3, 0, 0] });
  const buckets = await read(api, "");
  expect([24, 25]).toContain(buckets.length);
  expect(buckets.at(-1)).toMatchObject({ attempts: 3 });
});

test.each([
  ["from=2026-11-20T00:00:00Z&to=2026-11-20T00:00:00Z", "from must be before `to`."],
  ["from=2026-11-20T00:00:00Z&to=2026-11-21T01:00:01Z&step=minute", "more than 1500 buckets"],
  ["step=week", "step"],
  ["contract=nobody", "contract"],
  ["endpoint_id=1", "endpoint_id"],
  ["page=1", "page"],
  ["from=2026-02-30T00:00:00Z", "from"],
])("%s is a 422 that says what is wrong", async (query, told) => {
  const api = await open();
  const answer = await api.call("GET", `/v1/stats?${query}`);
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_request"]);
  expect(answer.body.detail).toContain(told);
});
