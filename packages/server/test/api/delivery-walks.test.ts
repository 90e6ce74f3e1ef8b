import { expect, test } from "vitest";
import { openSeenApi, type SeenApi } from "../support/seen-deliveries.ts";

/** A list of deliveries, attempts or logs, and how its rows are told apart. */
type List = { path: string; rows: string; size: string; skip: string };

const events = "/workflows/v1/workflow-webhooks/events";
const lists = {
  events: { path: events, rows: "events", size: "size", skip: "page=1" },
  deliveries: { path: "", rows: "deliveries", size: "size", skip: "page=1" },
  attempts: { path: "", rows: "attempts", size: "size", skip: "page=1" },
  logs: { path: "", rows: "logs", size: "limit", skip: "offset=0" },
  logsOfAll: { path: "/webhooks/logs/all", rows: "logs", size: "limit", skip: "offset=0" },
} satisfies Record<string, List>;
type Name = keyof typeof lists;
const names = Object.keys(lists) as Name[];

const idOf = (row: { id?: string; _id?: string }): string => row._id ?? row.id ?? "";

/** Deliveries in all contracts, each with attempts; `more` makes further ones of the list's kind. */
async function open(name: Name) {
  const api = await openSeenApi();
  const { workflow } = await api.make("/workflows/v1/workflows", { name: "w" });
  const call = await api.make("/calls/v1/conversations", { assistantId: api.assistant });
  const attempt = (id: string) => api.attempt(id, "failed");
  const deliveriesOf = async (contract: string) =>
    (await api.list(`?limit=200&contract=${contract}`)).deliveries.map(({ id }) => id as string);
  const kinds = {
    workflow: () => api.make("/workflows/v1/workflows", { name: "more" }),
    organisation: () => api.startRun(workflow.id),
    assistant: () =>
      api.make(`/calls/v1/conversations/${call.id}/messages`, { role: "user", text: "hello" }),
  };
  const contract =
    name === "deliveries" ? "assistant" : name.startsWith("logs") ? "organisation" : "workflow";
  const more = async () => {
    const known = new Set(await deliveriesOf(contract));
    await kinds[contract]();
    for (const id of await deliveriesOf(contract)) if (!known.has(id)) await attempt(id);
  };
  for (let made = 0; made < 7; made++) await more();
  const [first = ""] = await deliveriesOf(contract);
  for (const id of await deliveriesOf(contract)) {
    if (name !== "deliveries" && name !== "events")
      for (let n = 0; n < (name === "attempts" ? 5 : 2); n++) await attempt(id);
  }
  const path = {
    events,
    deliveries: `/assistants/v1/assistants/${api.assistant}/deliveries`,
    attempts: `${events}/${first}/attempts`,
    logs: `/webhooks/${api.webhook}/logs`,
    logsOfAll: "/webhooks/logs/all",
  }[name];
  return { api, list: { ...lists[name], path }, more, attempt, deliveriesOf, contract };
}

type Page = { ids: string[]; next: string | null; total: number };

async function read(api: SeenApi, list: List, query: string, key = api.key): Promise<Page> {
  const { status, text, body } = await api.call("GET", `${list.path}?${query}`, { key });
  expect(status, text).toBe(200);
  return { ids: body[list.rows].map(idOf), next: body.next_cursor, total: body.total };
}

/** Follows `next_cursor` to its end; `meanwhile` is called between two pages with what the last one held. */
async function walk(
  api: SeenApi,
  list: List,
  query: string,
  meanwhile: (ids: string[]) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const at: string = cursor === undefined ? "" : `&cursor=${cursor}`;
    const page: Page = await read(api, list, `${query}${at}`);
    seen.push(...page.ids);
    cursor = page.next;
    if (cursor !== null) await meanwhile(page.ids);
  }
  return seen;
}

test.each(names)(
  "a walk through %s gives each row once, and none that was made since",
  async (name) => {
    const { api, list, more, attempt, deliveriesOf, contract } = await open(name);
    const before = (await read(api, list, `${list.size}=100`)).ids;
    expect(before.length).toBeGreaterThanOrEqual(3);
    // New deliveries, and new attempts of old ones.
    const seen = await walk(api, list, `${list.size}=2`, async () => {
      await more();
      // A message of a call is attempted once.
      if (contract === "assistant") return;
      for (const id of (await deliveriesOf(contract)).slice(-3)) await attempt(id);
    });
    expect(seen).toEqual(before);
  },
);

test.each([
  ["events", "status=failed"],
  ["deliveries", "status=failed"],
] as const)(
  "each failed one of the %s is given while each is retried on the way",
  async (name, filter) => {
    const { api, list } = await open(name);
    const before = (await read(api, list, `${filter}&size=100`)).ids;
    expect(before.length).toBeGreaterThanOrEqual(7);
    const seen = await walk(api, list, `${filter}&size=2`, async (ids) => {
      for (const id of ids) expect((await api.retry(id)).status).toBe(202);
    });
    expect(seen).toEqual(before);
  },
);

test.each([
  "search=w",
  "search=more",
  "action=workflow_created",
  "action=workflow_created&search=more",
  "start=2026-01-01T00:00:00Z&end=2036-01-01T00:00:00Z",
  "end=2026-01-01T00:00:00Z",
])("a walk through events by %s gives what a page by number gives", async (filter) => {
  const { api, list } = await open("events");
  const all = await read(api, list, `${filter}&size=100`);
  expect(all.next).toBeNull();
  expect(await walk(api, list, `${filter}&size=2`)).toEqual(all.ids);
});

test.each(names)(
  "a cursor of the %s goes on behind a page by number, counts as it does, and is no other list's",
  async (name) => {
    const { api, list } = await open(name);
    const { size } = list;
    const second = list.skip === "page=1" ? "page=2" : "offset=2";
    const all = await read(api, list, `${size}=100`);
    const page = await read(api, list, `${size}=2&${second}`);
    expect(page.ids).toEqual(all.ids.slice(2, 4));
    const next = await read(api, list, `${size}=2&cursor=${page.next}`);
    if (all.ids.length > 4) expect(next.ids).toEqual(all.ids.slice(4, 6));
    expect(next.total).toBe(all.total);
    const other = await api.newTeam();
    const status = async (query: string, key = api.key) =>
      (await api.call("GET", `${list.path}?${query}`, { key })).status;
    const first = (await read(api, list, `${size}=1`)).next;
    expect(await status(`cursor=${first}`)).toBe(200);
    expect(await status(`cursor=${first}&${list.skip}`)).toBe(422);
    expect(await status("cursor=AAAA")).toBe(422);
    // Where the path names nothing of the other team, its cursor is none.
    expect([404, 422]).toContain(await status(`cursor=${first}`, other.key));
  },
);

test("logs are narrowed to a time of their attempts, and counted so", async () => {
  const { api, list } = await open("logsOfAll");
  const { sql } = api.database;
  await sql`update attempts set created_at = '2026-10-01T10:00:00Z' where number = 1`;
  await sql`update attempts set created_at = '2026-10-01T11:00:00Z' where number = 2`;
  await sql`update attempts set created_at = '2026-10-01T12:00:00Z' where number = 3`;
  await sql`update deliveries set last_attempt_at = '2026-10-01T12:00:00Z' where last_attempt_at is not null`;
  const numbers = async (query: string) => {
    const { body } = await api.call("GET", `${list.path}?limit=100&${query}`);
    const found = body.logs.map(({ attempt_number }: { attempt_number: number }) => attempt_number);
    expect(body.total).toBe(found.length);
    return [...new Set(found)].sort();
  };
  expect(await numbers("")).toEqual([1, 2, 3]);
  expect(await numbers("start=2026-10-01T11:00:00Z")).toEqual([2, 3]);
  // Deliveries are older than their attempts; these were made before the test moved them.
  expect(await numbers("start=2026-10-01T10:00:00Z&end=2036-10-01T10:00:00Z")).toEqual([1, 2, 3]);
  await sql`update deliveries set created_at = '2026-10-01T09:00:00Z', id = '6a' || substr(id, 3)`;
  await sql`update attempts set delivery_created_at = '2026-10-01T09:00:00Z', delivery_id = '6a' || substr(delivery_id, 3)`;
  expect(await numbers("end=2026-10-01T12:00:00Z")).toEqual([1, 2]);
  expect(await numbers("start=2026-10-01T11:00:00Z&end=2026-10-01T12:00:00Z")).toEqual([2]);
  const narrowed = "limit=3&start=2026-10-01T11:00:00Z";
  const all = (await read(api, list, narrowed.replace("3", "100"))).ids;
  expect(await walk(api, list, narrowed)).toEqual(all);
  expect((await api.call("GET", `${list.path}?start=yesterday`)).status).toBe(422);
});
