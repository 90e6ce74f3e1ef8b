import { expect, test } from "vitest";
import { Postrider } from "../src/index.ts";
import { json, scripted } from "./answers.ts";

const created_at = "2026-11-21T00:00:00.000Z";

/** Opens a client whose lists have these pages, in this order, and then empty ones. */
function open(member: string, pages: readonly (readonly object[])[]) {
  const { options, seen } = scripted((_, count) => json({ [member]: pages[count - 1] ?? [] }));
  const asked = () => seen.map(({ path }) => path.split("?")[1]);
  return { client: new Postrider(options), asked };
}

async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ _id: String(from + n), created_at }));

test("a walk by page asks for 300 rows at a time, until a page is not full", async () => {
  for (const [last, pages] of [
    [299, 1],
    [300, 2],
    [301, 2],
  ] as const) {
    const all = [rows(Math.min(last, 300)), rows(Math.max(last - 300, 0), 300)];
    const asked = Array.from({ length: pages }, (_, n) => `page=${n + 1}&size=300`);
    const attempts = open("attempts", all);
    expect(await listOf(attempts.client.workflowWebhooks.events.eachAttempt("1"))).toHaveLength(
      last,
    );
    expect(attempts.asked()).toEqual(asked);
    const events = open("events", all);
    expect(await listOf(events.client.workflowWebhooks.events.each())).toHaveLength(last);
    expect(events.asked()).toEqual(asked);
  }
});

test("a walk by offset asks for 100 rows at a time, until a page is not full", async () => {
  const { client, asked } = open("logs", [rows(100), rows(100, 100), rows(99, 200)]);
  expect(await listOf(client.webhooks.eachLog("1"))).toHaveLength(299);
  expect(asked()).toEqual(["limit=100&offset=0", "limit=100&offset=100", "limit=100&offset=200"]);
});

test("a walk through a status reads its pages once more after a full one, and no more often than it must", async () => {
  const short = open("events", [rows(299)]);
  const { events } = short.client.workflowWebhooks;
  expect(await listOf(events.each({ status: "failed" }))).toHaveLength(299);
  expect(short.asked()).toEqual(["status=failed&page=1&size=300"]);

  const full = open("deliveries", [rows(2), rows(1, 2), rows(2), rows(1, 2)]);
  const given = full.client.assistants.eachDelivery("1", { status: "failed", size: 2 });
  expect(await listOf(given)).toHaveLength(3);
  expect(full.asked()).toEqual([1, 2, 1, 2].map((page) => `status=failed&size=2&page=${page}`));
});

test("rows without an id are given as often as they are shown", async () => {
  const same = [{ status: 500 }, { status: 500 }];
  const { client } = open("logs", [same, same, []]);
  expect(await listOf(client.webhooks.eachLogOfAll({ limit: 2 }))).toHaveLength(4);
});

test("a row is known again by its _id, and else by its id", async () => {
  const pages = [
    [
      { _id: "a", id: "1" },
      { _id: "b", id: "1" },
    ],
    [
      { _id: "b", id: "2" },
      { _id: "c", id: "1" },
    ],
    [],
  ];
  const { client } = open("logs", pages);
  const given = await listOf(client.webhooks.eachLogOfAll({ limit: 2 }));
  expect(given).toMatchObject([{ _id: "a" }, { _id: "b" }, { _id: "c" }]);
});
