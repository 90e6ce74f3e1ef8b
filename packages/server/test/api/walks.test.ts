import { expect, onTestFinished, test } from "vitest";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { oddId, openWalkedLists, type WalkedList } from "../support/lists.ts";

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return { api, lists: await openWalkedLists(api) };
}

const names = [
  ...["workflows", "runs", "steps", "conversations", "assistants", "workflow webhooks", "webhooks"],
  ...["endpoints", "API keys", "teams", "audit"],
];

async function openOne(name: string) {
  const { api, lists } = await open();
  const list = lists.find((one) => one.name === name);
  if (!list) throw new Error(`there is no list of ${name}`);
  return { api, list, lists };
}

type Read = { ids: string[]; next: string | null };

async function read(api: TestApi, list: WalkedList, query: string, key = api.key): Promise<Read> {
  const { status, text, body } = await api.call("GET", `${list.path}?${query}`, { key });
  expect(status, text).toBe(200);
  return {
    ids: body[list.rows].map(({ id }: { id: string }) => id),
    next: body.next_cursor,
  };
}

/** Follows `next_cursor` to its end; `meanwhile` is called between two pages with what was read so far. */
async function walk(
  api: TestApi,
  list: WalkedList,
  size: number | ((count: number) => number),
  meanwhile: (seen: readonly string[], count: number) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const seen: string[] = [];
  for (let count = 0, cursor: string | null = ""; cursor !== null; count++) {
    if (count > 0) await meanwhile(seen, count);
    const limit = typeof size === "number" ? size : size(count);
    const at: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const page: Read = await read(api, list, `${list.size}=${limit}${at}`);
    expect(page.ids.length).toBeLessThanOrEqual(limit);
    seen.push(...page.ids);
    cursor = page.next;
  }
  return seen;
}

/** The same numbers from 0 to 1 for the same seed. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** Makes rows in a few transactions, so that some share their time, with ids of any time. */
async function fill(api: TestApi, list: WalkedList): Promise<void> {
  for (let count = 0; count < 12; count += 4) {
    await api.database.begin(async (tx) => {
      for (let of4 = 0; of4 < 4; of4++) {
        await list.insert(tx, oddId(`${list.name} ${count + of4}`, count + of4));
      }
    });
  }
}

const sizes = { one: 1, some: (count: number) => 1 + ((count * 7) % 5) };

test.each(names.flatMap((name) => Object.keys(sizes).map((size) => [name, size] as const)))(
  "a walk through %s gives every row that stays once and no newer one, %s at a time",
  async (name, size) => {
    const { api, list } = await openOne(name);
    await fill(api, list);
    const before = (await read(api, list, `${list.size}=100`)).ids;
    const chance = chances(before.length + size.length);
    const removed = new Set<string>();
    // The test's own team and key are needed for the walk itself.
    const { id: own } = (await api.call("GET", "/accounts/v1/users/me")).body;
    const removable = before.filter((id) => id !== api.teamId && id !== own);
    let count = 0;
    const seen = await walk(api, list, sizes[size as keyof typeof sizes], async () => {
      count += 1;
      const left = removable.filter((id) => !removed.has(id));
      const victim = left[Math.floor(chance() * left.length)];
      if (victim !== undefined && chance() < 0.4) {
        removed.add(victim);
        await list.remove(victim);
      }
      const changed = left.find((id) => id !== victim && chance() < 0.3);
      if (changed !== undefined) await list.update(changed, count);
      await list.make();
      await api.database.begin(async (tx) => {
        await list.insert(tx, oddId(`meanwhile ${count} a`, count));
        await list.insert(tx, oddId(`meanwhile ${count} b`, count + 1));
      });
    });
    expect(seen).toEqual(before.filter((id) => seen.includes(id)));
    const missed = before.filter((id) => !seen.includes(id));
    expect(missed.filter((id) => !removed.has(id))).toEqual([]);
    expect(removed.size).toBeGreaterThan(0);
  },
);

test.each(names)(
  "what was under way at the first page of %s and is committed later is newer",
  async (name) => {
    const { api, list } = await openOne(name);
    await fill(api, list);
    let first: Read | undefined;
    await api.database.begin(async (tx) => {
      for (const count of [0, 1, 2, 3]) await list.insert(tx, oddId(`late ${count}`, count));
      first = await read(api, list, `${list.size}=1`);
    });
    const before = new Set((await read(api, list, `${list.size}=100`)).ids);
    const rest = await read(api, list, `${list.size}=100&cursor=${first?.next}`);
    const seen = [...(first?.ids ?? []), ...rest.ids];
    expect(new Set(seen).size).toBe(before.size - 4);
    expect(rest.next).toBeNull();
  },
);

test("a walk over 1,000 runs while 500 come in and 100 are erased: every remaining row once", async () => {
  const { api, list } = await openOne("runs");
  const workflow = (await api.call("GET", list.path)).body.runs[0].workflow_id;
  const start = async (from: number, to: number) => {
    const facts = Array.from({ length: to - from }, (_, at) => ({
      type: "run.started",
      data: {
        _id: oddId(`run ${from + at}`, from + at),
        workflow_id: workflow,
        trigger: "manual",
      },
    }));
    const { body } = await api.call("POST", "/v1/facts", { body: { facts } });
    expect(body.results.filter(({ status }: { status: string }) => status !== "recorded")).toEqual(
      [],
    );
  };
  await start(0, 999);
  const before = (await read(api, list, "size=1000")).ids;
  expect(before).toHaveLength(1_000);

  const erased = new Set<string>();
  let next = 1_000;
  const seen = await walk(api, list, 20, async () => {
    if (next < 1_500) await start(next, next + 25);
    next += 25;
    for (const id of before
      .filter((_, at) => at % 10 === 3 && !erased.has(before[at] ?? ""))
      .slice(0, 4)) {
      if (erased.size >= 100) break;
      erased.add(id);
      await api.call("DELETE", `${list.path}/${id}`);
    }
  });
  expect([next >= 1_500, erased.size]).toEqual([true, 100]);
  expect((await api.call("GET", `${list.path}?size=1`)).body.total).toBe(1_400);
  const remaining = before.filter((id) => !erased.has(id));
  expect(seen.filter((id) => !erased.has(id))).toEqual(remaining);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.every((id) => before.includes(id))).toBe(true);
});

test.each(names)(
  "a cursor of %s is of this list, this team and these filters alone",
  async (name) => {
    const { api, list, lists } = await openOne(name);
    await fill(api, list);
    const { next } = await read(api, list, `${list.size}=2`);
    expect(next).toMatch(/^[A-Za-z0-9_-]{40,}$/);
    const cursor = next ?? "";
    const refusal = async (query: string, key = api.key) => {
      const { status, body } = await api.call("GET", `${list.path}?${query}`, { key });
      return [query.slice(0, 300), status, body.code, body.errors?.[0]?.loc];
    };
    const refused = (query: string) => [
      query.slice(0, 300),
      422,
      "invalid_request",
      ["query", "cursor"],
    ];
    const other = (letter: string | undefined) => (letter === "A" ? "B" : "A");
    const [first, last] = [other(cursor.at(0)), other(cursor.at(-1))];
    const broken = [
      ...["", "x", "null", "%00", "é", "a b", "A".repeat(60), "A".repeat(9_000), `${cursor}A`],
      ...[
        cursor.slice(1),
        cursor.slice(0, -1),
        cursor.slice(0, -1) + last,
        `${first}${cursor.slice(1)}`,
      ],
      ...[cursor.toUpperCase(), `${cursor}%3D`, Buffer.from("[]").toString("base64url")],
    ].map((text) => `cursor=${text}`);
    for (const query of broken) expect(await refusal(query)).toEqual(refused(query));

    for (const foreign of lists.filter((one) => one.name !== list.name)) {
      await fill(api, foreign);
      const theirs = `cursor=${(await read(api, foreign, `${foreign.size}=1`)).next}`;
      expect(await refusal(theirs)).toEqual(refused(theirs));
    }
    const given = `cursor=${cursor}`;
    const twice = `${given}&${given}`;
    expect(await refusal(twice)).toEqual(refused(twice));
    if (list.filter !== undefined) {
      const filtered = `${given}&${list.filter}`;
      expect(await refusal(filtered)).toEqual(refused(filtered));
      const { next: ofFilter } = await read(api, list, `${list.size}=1&${list.filter}`);
      const unfiltered = `cursor=${ofFilter}`;
      expect(await refusal(unfiltered)).toEqual(refused(unfiltered));
      await read(api, list, `${unfiltered}&${list.filter}`);
    }
    const stranger = await api.newTeam();
    const theirs = await api.call("GET", `${list.path}?${given}`, { key: stranger.key });
    // A run of another team is not there, whatever is asked of it.
    if (list.name === "steps") expect(theirs.status).toBe(404);
    else expect(await refusal(given, stranger.key)).toEqual(refused(given));

    const both = await api.newKey({ teamIds: [stranger.teamId, api.teamId] });
    if (list.name !== "steps") expect(await refusal(given, both.key)).toEqual(refused(given));
  },
);

test.each(names)(
  "a cursor of %s goes with a size, and neither with a page nor with an offset",
  async (name) => {
    const { api, list } = await openOne(name);
    await fill(api, list);
    const all = (await read(api, list, `${list.size}=100`)).ids;
    const { next } = await read(api, list, `${list.size}=2`);
    expect((await read(api, list, `${list.size}=3&cursor=${next}`)).ids).toEqual(all.slice(2, 5));
    expect((await read(api, list, `cursor=${next}`)).ids).toEqual(all.slice(2));
    if (list.skip !== undefined) {
      const second = list.size === "size" ? "page=2" : "offset=2";
      const { next: third } = await read(api, list, `${list.size}=2&${second}`);
      expect((await read(api, list, `cursor=${third}`)).ids).toEqual(all.slice(4));
    }
    // The last row of all is on the page: nothing follows, however full it is.
    expect((await read(api, list, `${list.size}=${all.length}`)).next).toBeNull();
    for (const skip of list.skip === undefined ? ["page=1", "offset=0"] : [list.skip]) {
      const { status, body } = await api.call("GET", `${list.path}?cursor=${next}&${skip}`);
      expect([status, body.code]).toEqual([422, "invalid_request"]);
      const loc = list.skip === undefined ? ["query", skip.split("=")[0]] : ["query", "cursor"];
      expect(body.errors[0].loc).toEqual(loc);
    }
  },
);

test.each(names)("reading %s by cursor needs the scope of the list", async (name) => {
  const { api, list } = await openOne(name);
  await fill(api, list);
  const { next } = await read(api, list, `${list.size}=2`);
  const others = (["read", "write", "publish", "payload", "admin"] as const).filter(
    (scope) => scope !== list.scope,
  );
  const without = await api.newKey({ scopes: others });
  const refused = await api.call("GET", `${list.path}?cursor=${next}`, { key: without.key });
  expect([refused.status, refused.body.code]).toEqual([403, "scope_missing"]);
});

test.each(["API keys", "teams", "audit"])(
  "%s are listed 50 at a time, at most 200, without a total",
  async (name) => {
    const { api, list } = await openOne(name);
    await api.database.begin(async (tx) => {
      for (let count = 0; count < 60; count++) await list.insert(tx, oddId(`${count}`, count));
    });
    const { body } = await api.call("GET", list.path);
    expect(Object.keys(body)).toEqual([list.rows, "next_cursor"]);
    expect(body[list.rows]).toHaveLength(50);
    expect((await read(api, list, "limit=200")).next).toBeNull();
    for (const query of ["limit=0", "limit=201", "limit=x", "size=1", "page=1", "offset=1"]) {
      expect([query, (await api.call("GET", `${list.path}?${query}`)).status]).toEqual([
        query,
        422,
      ]);
    }
  },
);

test("rows of before the update and of another server's dump are in every walk", async () => {
  const { api, list } = await openOne("runs");
  await fill(api, list);
  const { sql } = api.database;
  const all = (await read(api, list, "size=100")).ids;
  const walkAfter = async (change: Promise<unknown>) => {
    await change;
    return await walk(api, list, 2, async () => list.update(all[0] ?? "", 0));
  };
  expect(await walkAfter(sql`update runs set created_in = null`)).toEqual(all);
  expect(await walkAfter(sql`update runs set created_in = '1000000000000'::xid8`)).toEqual(all);
  // A dump's numbers are reached by this server's while the walk goes on.
  const first = await read(api, list, "size=1");
  await sql`
    update runs set created_at = now() - interval '2 hours', created_in = pg_current_xact_id()`;
  const rest = await read(api, list, `size=100&cursor=${first.next}`);
  expect([...first.ids, ...rest.ids]).toEqual(all);
});

test("a walk continues after the keys were rotated, while the old key is still given", async () => {
  const { openKeyring } = await import("../../src/secrets.ts");
  const { openCursors } = await import("../../src/api/cursor.ts");
  const [old, next] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)];
  const of = (...keys: Buffer[]) =>
    openCursors(openKeyring(keys), { teamId: "a" }, { name: "runs", filter: {} });
  const place = { start: ["1:1:", "0"] as [string, string], row: ["x"] };
  const { next_cursor: cursor } = of(old).field(place);
  expect(of(next, old).read(cursor ?? undefined)).toEqual(place);
  expect(() => of(next).read(cursor ?? undefined)).toThrow("The request is not valid.");
});
