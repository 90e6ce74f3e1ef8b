import { Compile } from "typebox/compile";
import { expect, onTestFinished, test } from "vitest";
import { allContracts } from "../../src/domain/contracts/all-contracts.ts";
import { readText } from "../house/sources.ts";
import { openTestApi } from "../support/api.ts";

type EventType = {
  type: string;
  contract: string;
  description: string;
  schema: object;
  sample: Record<string, unknown>;
  max_bytes: number;
};

const path = "/v1/event-types";

async function open() {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  const { status, body } = await api.call("GET", path);
  expect([status, body.next_cursor]).toEqual([200, null]);
  return { api, types: body.event_types as EventType[] };
}

test("the catalogue has every event type of every contract, once, and says when each is sent", async () => {
  const { types } = await open();
  expect(types.map(({ contract, type }) => [contract, type])).toEqual(
    allContracts.flatMap(({ name, eventTypes }) => eventTypes.map((type) => [name, type])),
  );
  for (const { type, description } of types) expect(description, type).toMatch(/^[A-Z].+\.$/);
  expect(new Set(types.map(({ type }) => type)).size).toBe(types.length);
});

test("every sample is a body of its own type: it fits its schema and its largest size", async () => {
  const { types } = await open();
  for (const { type, schema, sample, max_bytes } of types) {
    expect([type, ...Compile(schema as never).Errors(sample)]).toEqual([type]);
    const message = sample.message as { type: string } | undefined;
    expect(sample.action ?? sample.event_type ?? sample.type ?? message?.type).toBe(type);
    expect(Buffer.byteLength(JSON.stringify(sample)), type).toBeLessThan(max_bytes);
    expect(JSON.stringify(sample), type).not.toContain('"test"');
  }
});

test("the largest bodies are those that docs/receiving.md promises", async () => {
  const { types } = await open();
  const table = readText("docs/receiving.md").matchAll(/^\| `([a-z._-]+)` \| ([\d,]+) \|$/gm);
  const promised = [...table].map(([, type, bytes]) => [type, Number(bytes?.replaceAll(",", ""))]);
  expect(types.map(({ type, max_bytes }) => [type, max_bytes])).toEqual(promised);
});

test("a walk gives each event type once, whatever the limit", async () => {
  const { api, types } = await open();
  for (const limit of [1, 5, 15, 16]) {
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | null = ""; cursor !== null; pages++) {
      const at: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body } = await api.call("GET", `${path}?limit=${limit}${at}`);
      seen.push(...body.event_types.map(({ type }: EventType) => type));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(types.map(({ type }) => type));
    expect(pages).toBe(Math.ceil(types.length / limit));
  }
});

test.each(["limit=0", "limit=201", "page=1", "cursor=x", "cursor=", "contract=workflow"])(
  "%s is refused",
  async (query) => {
    const { api } = await open();
    expect((await api.call("GET", `${path}?${query}`)).status).toBe(422);
  },
);

test("a cursor of another list or another team is refused, and the scope is `read`", async () => {
  const { api } = await open();
  const { next_cursor: cursor } = (await api.call("GET", `${path}?limit=1`)).body;
  const other = await api.call("GET", `/v1/deliveries?cursor=${cursor}`);
  const stranger = await api.newTeam();
  const foreign = await api.call("GET", `${path}?cursor=${cursor}`, { key: stranger.key });
  expect([other.status, foreign.status]).toEqual([422, 422]);
  const { key } = await api.newKey({ scopes: ["write", "publish", "payload", "admin"] });
  expect((await api.call("GET", path, { key })).status).toBe(403);
});
