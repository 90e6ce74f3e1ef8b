import Type from "typebox";
import { expect, onTestFinished, test } from "vitest";
import type { Routes } from "../../src/api/request.ts";
import { AppError } from "../../src/errors.ts";
import { type Row, rowsOf } from "../hostile/rows.ts";
import { openTestApi } from "../support/api.ts";

const Thing = Type.Object({ name: Type.String() }, { additionalProperties: false });

/** Opens an API whose POST /things creates a thing; `during` runs inside the handler, before its answer. */
async function setup(during: (id: string) => Promise<void> = async () => {}) {
  const made: string[] = [];
  const world = { during };
  const probeRoutes: Routes = (app) => {
    const config = { scope: "write" } as const;
    const querystring = Type.Object({ x: Type.Optional(Type.String()) });
    app.post(
      "/things",
      { config, schema: { body: Thing, querystring } },
      async (request, reply) => {
        const id = request.newId();
        made.push(id);
        await world.during(id);
        reply.code(201).header("location", `/things/${id}`);
        return { id, second: request.newId(), secret: "whsec_CANARY" };
      },
    );
    app.post("/others", { config, schema: { body: Thing } }, async () => ({}));
  };
  const api = await openTestApi({ routes: [probeRoutes] });
  onTestFinished(() => api.close());
  const post = (key: string, name = "n", more: { key?: string; path?: string } = {}) =>
    api.call("POST", more.path ?? "/things", {
      body: { name },
      headers: { "idempotency-key": key },
      ...(more.key === undefined ? {} : { key: more.key }),
    });
  const passTime = (interval: string) => api.database.sql`
    update idempotency_keys set
      created_at = created_at - ${interval}::interval,
      in_flight_until = in_flight_until - ${interval}::interval`;
  return { ...api, made, world, post, passTime };
}

test("the same request under the same key is done once and answered twice, byte for byte", async () => {
  const api = await setup();
  const first = await api.post("k-1");
  const second = await api.post("k-1");
  expect(first.status).toBe(201);
  expect(first.headers["idempotent-replayed"]).toBeUndefined();
  expect(second.headers["idempotent-replayed"]).toBe("true");
  expect([second.status, second.text]).toEqual([first.status, first.text]);
  expect(second.headers.location).toBe(first.headers.location);
  expect(second.headers["content-type"]).toBe(first.headers["content-type"]);
  expect(api.made).toHaveLength(1);
});

test("a refusal is an answer too: its repeat is the same refusal", async () => {
  const api = await setup(async () => {
    throw new AppError("transition_refused");
  });
  const first = await api.post("k-1");
  api.world.during = async () => {};
  const second = await api.post("k-1");
  expect([first.status, second.status]).toEqual([409, 409]);
  expect(second.text).toBe(first.text);
});

test("another body, path, query or API key under a used key is refused", async () => {
  const api = await setup();
  const { key } = await api.newKey();
  await api.post("k-1");
  for (const answer of [
    await api.post("k-1", "other"),
    await api.post("k-1", "n", { path: "/others" }),
    await api.post("k-1", "n", { path: "/things?x=1" }),
    await api.post("k-1", "n", { key }),
  ]) {
    expect(answer.status).toBe(422);
    expect(answer.body.code).toBe("idempotency_key_reused");
  }
  expect(api.made).toHaveLength(1);
});

test("two teams may use the same key without meeting", async () => {
  const api = await setup();
  const other = await api.newTeam();
  await api.post("k-1");
  expect((await api.post("k-1", "n", { key: other.key })).status).toBe(201);
  expect(new Set(api.made).size).toBe(2);
});

test("a repeat while the first request is running gets 409", async () => {
  let entered = () => {};
  let leave = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const api = await setup(() => {
    entered();
    return new Promise<void>((resolve) => {
      leave = resolve;
    });
  });
  const first = api.post("k-1");
  await inside;
  const second = await api.post("k-1");
  expect(second.status).toBe(409);
  expect(second.body.code).toBe("idempotency_key_in_flight");
  expect(Number(second.headers["retry-after"])).toBeGreaterThan(0);
  leave();
  expect((await first).status).toBe(201);
  expect((await api.post("k-1")).headers["idempotent-replayed"]).toBe("true");
});

test.each([
  [500, new Error("a bug")],
  [503, new AppError("storage_unavailable")],
])("after a %i the repeat is done, with the ids that the first one had", async (status, error) => {
  const api = await setup(async () => {
    throw error;
  });
  expect((await api.post("k-1")).status).toBe(status);
  api.world.during = async () => {};
  const repeat = await api.post("k-1");
  expect(repeat.status).toBe(201);
  expect(repeat.headers["idempotent-replayed"]).toBeUndefined();
  expect(api.made).toHaveLength(2);
  expect(api.made[1]).toBe(api.made[0]);
  expect(repeat.body.second).not.toBe(repeat.body.id);
});

test("a crashed first request is taken over after a minute, with its ids; its late answer changes nothing", async () => {
  let entered = () => {};
  let leave = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const api = await setup(() => {
    entered();
    return new Promise<void>((resolve) => {
      leave = resolve;
    });
  });
  const first = api.post("k-1");
  await inside;
  api.world.during = async () => {
    throw new AppError("not_found", "The second one's answer.");
  };
  await api.database.sql`
    update idempotency_keys set in_flight_until = in_flight_until - interval '61 seconds'`;
  const second = await api.post("k-1");
  expect(second.status).toBe(404);
  leave();
  expect((await first).status).toBe(201);
  expect(api.made[1]).toBe(api.made[0]);
  expect((await api.post("k-1")).text).toBe(second.text);
});

test("a first request that fails after it was taken over does not release the second one's claim", async () => {
  const turns: { enter: () => void; leave: (error?: AppError) => void }[] = [];
  const entered = [0, 1].map(
    (n) => new Promise<void>((enter) => (turns[n] = { enter, leave: () => {} })),
  );
  let count = 0;
  const api = await setup(() => {
    const turn = turns[count++];
    turn?.enter();
    return new Promise<void>((resolve, reject) => {
      if (turn) turn.leave = (error) => (error ? reject(error) : resolve());
    });
  });
  const first = api.post("k-1");
  await entered[0];
  await api.passTime("61 seconds");
  const second = api.post("k-1");
  await entered[1];
  turns[0]?.leave(new AppError("storage_unavailable"));
  expect((await first).status).toBe(503);
  const third = await api.post("k-1");
  expect([third.status, third.body.code]).toEqual([409, "idempotency_key_in_flight"]);
  turns[1]?.leave();
  expect((await second).status).toBe(201);
});

test("a key is deleted after 24 hours and then means a new request", async () => {
  const api = await setup();
  await api.post("k-1");
  await api.passTime("23 hours 59 minutes");
  expect((await api.post("k-1")).headers["idempotent-replayed"]).toBe("true");
  await api.passTime("2 minutes");
  const fresh = await api.post("k-1", "other");
  expect(fresh.status).toBe(201);
  expect(fresh.headers["idempotent-replayed"]).toBeUndefined();
  expect(api.made).toHaveLength(2);
});

test("a stored answer is sealed: its secret is in no column", async () => {
  const api = await setup();
  await api.post("k-1");
  const rows = await api.database.sql<{ sealed: Buffer }>`
    select sealed_response as sealed from idempotency_keys`;
  expect(rows).toHaveLength(1);
  expect(rows[0]?.sealed.toString("latin1")).not.toContain("CANARY");
});

test.each(rowsOf<Row>("ingest: key"))(
  "$id: the key $input.idempotency_key is a 422",
  async (row) => {
    const api = await setup();
    const answer = await api.post(row.input.idempotency_key);
    expect(row.expect.status_any).toContain(answer.status);
    expect(api.made).toHaveLength(0);
  },
);

test("a hostile key is a 422; no key asks for nothing", async () => {
  const api = await setup();
  for (const key of ["é", "x".repeat(256), "a\tb", " \u00a0", "a\u007f", "😀"]) {
    const answer = await api.post(key);
    expect(answer.status, JSON.stringify(key)).toBe(422);
    expect(answer.body.code).toBe("invalid_request");
  }
  expect(api.made).toHaveLength(0);
  await api.call("POST", "/things", { body: { name: "n" } });
  await api.call("POST", "/things", { body: { name: "n" } });
  expect(new Set(api.made).size).toBe(2);
});
