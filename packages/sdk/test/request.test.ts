import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ApiError, ConnectionError, Postrider } from "../src/index.ts";
import { json, problem, type Script, scripted } from "./answers.ts";

const open = (script: Script) => {
  const service = scripted(script);
  return { ...service, client: new Postrider(service.options) };
};

const refused = (): never => {
  throw new TypeError("fetch failed");
};

test("all attempts at a POST carry one Idempotency-Key, and two POSTs carry two", async () => {
  const { client, seen, delays } = open((_, count) => {
    if (count === 1) return refused();
    if (count === 2) return problem(503, "overloaded");
    if (count === 3) return problem(409, "idempotency_key_in_flight");
    return json({ id: "1" }, 201);
  });
  await client.teams.create({ name: "A" });
  const keys = seen.map(({ headers }) => headers.get("idempotency-key"));
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(keys).size).toBe(1);
  expect(delays).toEqual([250, 500, 1000]);
  await client.teams.create({ name: "A" });
  expect(seen.at(-1)?.headers.get("idempotency-key")).not.toBe(keys[0]);
  await client.teams.create({ name: "A" }, { idempotencyKey: "mine" });
  expect(seen.at(-1)?.headers.get("idempotency-key")).toBe("mine");
});

test("Retry-After is honoured as seconds and as a date, and not beyond a minute", async () => {
  const values = ["7", "Sat, 21 Nov 2026 00:00:09 GMT", "soon", "61"];
  const { client, delays, seen } = open((_, count) =>
    problem(429, "overloaded", { "retry-after": values[count - 1] ?? "" }),
  );
  await expect(client.me.get()).rejects.toMatchObject({ status: 429 });
  expect(delays).toEqual([7_000, 9_000, 1_000]);
  expect(seen).toHaveLength(4);
});

test("what would fail again is not retried", async () => {
  for (const [status, code] of [
    [422, "invalid_request"],
    [409, "transition_refused"],
    [501, "internal_error"],
  ] as const) {
    const { client, seen } = open(() => problem(status, code));
    await expect(client.me.get()).rejects.toMatchObject({ status, code, requestId: "req_1" });
    expect(seen).toHaveLength(1);
  }
});

test("retries end, with the last error", async () => {
  const lost = open(refused);
  await expect(lost.client.me.get()).rejects.toBeInstanceOf(ConnectionError);
  expect(lost.seen).toHaveLength(5);
  const away = open(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  const error = await away.client.me.get().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: "unexpected_answer", status: 502, errors: [] });
});

test("a deletion whose answer was lost is done when the retry finds nothing", async () => {
  const { client } = open((_, count) => (count === 1 ? refused() : problem(404, "not_found")));
  await expect(client.webhooks.delete("1")).resolves.toBeUndefined();
  const unknown = open(() => problem(404, "not_found"));
  await expect(unknown.client.webhooks.delete("1")).rejects.toMatchObject({ code: "not_found" });
});

test("an attempt that takes too long counts as unanswered, one that the caller stops does not", async () => {
  const hanging = scripted(() => json({}));
  hanging.options.fetch = (_, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  const client = new Postrider({ ...hanging.options, timeoutMs: 1, retriesMax: 1 });
  await expect(client.me.get()).rejects.toBeInstanceOf(ConnectionError);
  expect(hanging.delays).toHaveLength(1);
  const stop = new AbortController();
  const patient = new Postrider(hanging.options).me.get({ signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(patient).rejects.toThrow("enough");
  expect(hanging.delays).toHaveLength(1);
});

test("key, team, path and query go where they belong", async () => {
  const { options, seen } = scripted(() => json({ logs: [] }));
  const client = new Postrider({ ...options, teamId: "t" });
  await client.webhooks.listLogs("a/b", { limit: 5, offset: 0 });
  expect(seen[0]?.path).toBe("/webhooks/a%2Fb/logs?limit=5&offset=0");
  expect(seen[0]?.headers.get("authorization")).toBe("Bearer prk_test");
  expect(seen[0]?.headers.get("x-org-id")).toBe("t");
  expect(seen[0]?.headers.get("idempotency-key")).toBeNull();
  expect(seen[0]?.body).toBeUndefined();
});

test("what is not told is not sent: no team, and no filter that is undefined", async () => {
  const { client, seen } = open(() => json({ runs: [] }));
  const unset: object = { status: undefined };
  await client.runs.list(unset);
  await client.runs.list({ ...unset, size: 5 });
  const runs = "/workflows/v1/workflow-runs";
  expect(seen.map(({ path }) => path)).toEqual([runs, `${runs}?size=5`]);
  expect(seen[0]?.headers.has("x-org-id")).toBe(false);
});

test("going through a list follows its cursors to the end, with the same filters", async () => {
  const pages = [["5", "4"], [], ["2"]];
  const { client, seen } = open((_, count) =>
    json({
      runs: (pages[count - 1] ?? []).map((id) => ({ id })),
      next_cursor: count < pages.length ? `after-${count}` : null,
    }),
  );
  const ids: string[] = [];
  for await (const run of client.runs.each({ size: 2, status: "failed" })) ids.push(run.id);
  expect(ids).toEqual(["5", "4", "2"]);
  expect(seen.map(({ path }) => path.split("?")[1])).toEqual([
    "size=2&status=failed",
    "size=2&status=failed&cursor=after-1",
    "size=2&status=failed&cursor=after-2",
  ]);
});

test.each([301, 302, 303, 307, 308])(
  "a redirect (%d) is never followed with the key, not retried, and named as what it is",
  async (status) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const { port } = server.address() as AddressInfo;
      response.writeHead(status, { location: `http://127.0.0.1:${port}/elsewhere` }).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new Postrider({ url, apiKey: "prk_test", delay: async () => {} });
    const refusal = {
      status,
      code: "unexpected_answer",
      detail: expect.stringContaining("redirect"),
    };
    await expect(client.me.get()).rejects.toMatchObject(refusal);
    await expect(client.teams.create({ name: "A" })).rejects.toMatchObject(refusal);
    expect(asked).toEqual(["/accounts/v1/users/me", "/v1/teams"]);
  },
);
