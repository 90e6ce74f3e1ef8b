import { expect, test } from "vitest";
import { openApp } from "../../src/api/app.ts";
import { openCursors } from "../../src/api/cursor.ts";
import { deliveryFilterOf } from "../../src/api/delivery-filter.ts";
import {
  type ChangesPosition,
  deleteOldChangesOfAllTeams,
  readChanges,
  readChangesStart,
  tellingChanges,
} from "../../src/db/delivery-changes.ts";
import { part } from "../../src/db/sql.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { newId } from "../../src/ids.ts";
import { openBrowser } from "../support/browser.ts";
import { type OpenStream, openStream } from "../support/event-stream.ts";
import { openSeenApi, type SeenApi } from "../support/seen-deliveries.ts";

const path = "/v1/deliveries/stream";
const workflows = "/workflows/v1/workflows";

/** Reads the next delivery of a stream. */
async function nextDelivery(stream: OpenStream) {
  const found = await stream.next();
  expect(found?.event).toBe("delivery");
  return JSON.parse(found?.data ?? "");
}

const makeWorkflow = (api: SeenApi, name: string) => api.make(workflows, { name });

/** Changes a delivery in a transaction, as the service's own statements do. */
const touch = (tx: Tx, teamId: string, id: string) =>
  tx`
    with told as (
      ${tellingChanges(part`(select ${teamId}::text as team_id, ${id}::text as id) changed`)}
    )
    update deliveries set updated_at = clock_timestamp() where team_id = ${teamId} and id = ${id}`;

test("a delivery is streamed as lists show it, when it is made, when it ends and when a person asks for it again", async () => {
  const api = await openSeenApi();
  const stream = await openStream(api, path);
  expect(stream.headers.get("content-type")).toBe("text/event-stream");
  expect(stream.headers.get("cache-control")).toBe("no-store");
  await makeWorkflow(api, "a");
  const made = await nextDelivery(stream);
  expect(made).toEqual((await api.list()).deliveries[0]);
  await api.database.begin((tx) => touch(tx, api.teamId, made.id));
  await api.attempt(made.id, "failed");
  await api.database.begin((tx) => touch(tx, api.teamId, made.id));
  const failed = await nextDelivery(stream);
  expect([failed.id, failed.status]).toEqual([made.id, "failed"]);
  await api.retry(made.id);
  const again = await nextDelivery(stream);
  expect([again.id, again.status]).toEqual([made.id, "retrying"]);
});

test("only what matches the filter is streamed, and nothing of another team", async () => {
  const api = await openSeenApi();
  const other = await api.newTeam();
  const { workflow } = await makeWorkflow(api, "a");
  const ofRuns = await openStream(api, `${path}?event_type=workflow_run_started`);
  const ofB = await openStream(api, `${path}?contract=organisation&subject_id=${workflow.id}`);
  const ofOther = await openStream(api, path, { key: other.key });
  await makeWorkflow(api, "b");
  await api.startRun(workflow.id);
  expect((await nextDelivery(ofRuns)).event_type).toBe("workflow_run_started");
  expect((await nextDelivery(ofB)).event_type).toBe("workflow.started");
  await api.call("POST", "/workflows/v1/workflow-webhooks", {
    key: other.key,
    body: { name: "o", url: "https://example.com/", actions: ["workflow_created"] },
  });
  const own = await api.call("POST", workflows, { key: other.key, body: { name: "theirs" } });
  expect((await nextDelivery(ofOther)).workflow_id).toBe(own.body.workflow.id);
});

test("the events of a run that begins while a stream is open match its workflow", async () => {
  const api = await openSeenApi();
  const { workflow } = await makeWorkflow(api, "a");
  const stream = await openStream(api, `${path}?subject_id=${workflow.id}&contract=organisation`);
  const run = await api.startRun(workflow.id);
  expect((await nextDelivery(stream)).run_id).toBe(run);
});

test("a transaction that commits late is streamed late, and is not passed over", async () => {
  const api = await openSeenApi();
  await makeWorkflow(api, "a");
  await makeWorkflow(api, "b");
  const [late, soon] = (await api.list()).deliveries;
  const stream = await openStream(api, path);
  await api.database.begin(async (tx) => {
    await touch(tx, api.teamId, late.id);
    await api.database.begin((other) => touch(other, api.teamId, soon.id));
    expect((await nextDelivery(stream)).id).toBe(soon.id);
  });
  expect((await nextDelivery(stream)).id).toBe(late.id);
});

test("a stream continues after the last received event, on another process too", async () => {
  const api = await openSeenApi();
  const first = await openStream(api, path);
  await makeWorkflow(api, "a");
  await nextDelivery(first);
  const lastEventId = first.lastId();
  first.close();
  await makeWorkflow(api, "b");
  await makeWorkflow(api, "c");
  const app = await openApp(api.deps);
  const second = await openStream({ app, key: api.key }, path, { lastEventId });
  const expected = (await api.list()).deliveries.map(({ id }) => id).reverse();
  const seen = new Set<string>();
  // What was sent shortly before may come again.
  while (seen.size < 3) seen.add((await nextDelivery(second)).id);
  expect([...seen]).toEqual(expect.arrayContaining(expected.slice(1)));
  await app.close();
  expect(await second.next()).toBeUndefined();
});

test("nothing that has not changed since the id is streamed", async () => {
  const api = await openSeenApi();
  await makeWorkflow(api, "a");
  const first = await openStream(api, path);
  await makeWorkflow(api, "b");
  await nextDelivery(first);
  // The end of the page is told behind its events.
  await makeWorkflow(api, "c");
  await nextDelivery(first);
  const second = await openStream(api, path, { lastEventId: first.lastId() });
  const last = await nextDelivery(second);
  expect(last).toEqual((await api.list()).deliveries[0]);
});

/** The id of an event, made for a position of the test's own. */
function idOf(api: SeenApi, position: ChangesPosition): string {
  const filter = deliveryFilterOf({});
  const list = { name: "deliveries/stream", filter };
  return openCursors<ChangesPosition>(api.deps.keyring, api, list).print(position);
}

test.each([
  ["too old", { at: -15 * 60 - 1 }],
  ["of a server that has counted further", { snapshot: "99999999999:99999999999:" }],
])(
  "a place that is %s is answered with a gap, and the stream goes on from now",
  async (_, change) => {
    const api = await openSeenApi();
    await makeWorkflow(api, "missed");
    const { since } = await readChangesStart(api.database.sql);
    const at = since.at + ("at" in change ? change.at : 0);
    const position = { since: { ...since, ...change, at }, until: null, after: null };
    const stream = await openStream(api, path, { lastEventId: idOf(api, position) });
    expect(await stream.next()).toMatchObject({ event: "gap", data: "{}" });
    await makeWorkflow(api, "seen");
    expect((await nextDelivery(stream)).id).toBe((await api.list()).deliveries[0].id);
  },
);

test("an id of another filter, team or list is refused, and so is an invalid id", async () => {
  const api = await openSeenApi();
  const other = await api.newTeam();
  const stream = await openStream(api, path);
  await makeWorkflow(api, "a");
  await stream.next();
  const lastEventId = stream.lastId();
  const answers = [
    await openStream(api, `${path}?status=failed`, { lastEventId }),
    await openStream(api, path, { lastEventId, key: other.key }),
    await openStream(api, path, { lastEventId: lastEventId.slice(0, -1) }),
    await openStream(api, path, { lastEventId: "x" }),
    await openStream(api, `${path}?status=lost`),
  ];
  expect(answers.map(({ status }) => status)).toEqual([422, 422, 422, 422, 422]);
  expect(await answers[0]?.text()).toContain('"loc":["header","last-event-id"]');
});

test.each([
  { what: "key is revoked", byKey: true, ending: "api-keys" },
  { what: "session is ended", byKey: false, ending: "sessions" },
  { what: "session's key is revoked", byKey: false, ending: "api-keys" },
])("a stream ends when its $what", async ({ byKey, ending }) => {
  const api = await openSeenApi();
  const { id, key } = await api.newKey();
  const browser = openBrowser(api);
  const { body: session } = await browser.post("/v1/sessions", { api_key: key });
  const stream = await openStream(api, path, byKey ? { key } : { cookie: browser.cookie() });
  expect(stream.status).toBe(200);
  const undone = await api.call(
    "DELETE",
    `/v1/${ending}/${ending === "sessions" ? session.id : id}`,
    {
      key: ending === "sessions" ? key : api.key,
    },
  );
  expect(undone.status).toBe(204);
  let ended = false;
  const end = stream.next().then((event) => {
    ended = event === undefined;
  });
  const [endpointless] = [newId()];
  // Each change makes the stream read, and ask for its key when it has not for two seconds.
  while (!ended) {
    await api.database.begin((tx) => touch(tx, api.teamId, endpointless));
    await Promise.race([end, new Promise((resolve) => setImmediate(resolve))]);
  }
});

test("a team opens at most 100 streams on a process, and a closed one makes room", async () => {
  const api = await openSeenApi();
  const streams: OpenStream[] = [];
  for (let n = 0; n < 100; n++) streams.push(await openStream(api, path));
  const refused = await openStream(api, path);
  expect(refused.status).toBe(429);
  expect(await refused.text()).toContain("100 streams");
  const other = await api.newTeam();
  expect((await openStream(api, path, { key: other.key })).status).toBe(200);
  streams[0]?.close();
  await expect.poll(async () => (await openStream(api, path)).status).toBe(200);
});

test("more changes than a page holds are read to the end, each transaction whole", async () => {
  const api = await openSeenApi();
  const { sql } = api.database;
  const start = await readChangesStart(sql);
  const ids: string[] = [];
  for (let n = 0; n < 60; n++) {
    const own = [newId(), newId(), newId()];
    ids.push(...own);
    await api.database.begin(async (tx) => {
      for (const id of own) await touch(tx, api.teamId, id);
    });
  }
  const read: string[] = [];
  const sizes: number[] = [];
  let at: ChangesPosition = start;
  for (let more = true; more; ) {
    const page = await readChanges(sql, api.teamId, at);
    if (!page) throw new Error("no page");
    read.push(...page.deliveryIds);
    sizes.push(page.deliveryIds.length);
    ({ position: at, more } = page);
    // What is changed between two pages belongs to none of this window's.
    if (more) await api.database.begin((tx) => touch(tx, api.teamId, newId()));
  }
  expect(read).toEqual(ids);
  expect(sizes).toEqual([102, 78]);
  expect((await readChanges(sql, api.teamId, at))?.deliveryIds).toHaveLength(1);
});

test("changes are forgotten after 20 minutes", async () => {
  const api = await openSeenApi();
  const { sql } = api.database;
  await sql`
    insert into delivery_changes (team_id, changed_at, delivery_ids)
    select ${api.teamId}, now() - minutes * interval '1 minute', '\\x00'
    from unnest('{19, 21, 22, 23}'::int4[]) minutes`;
  expect(await deleteOldChangesOfAllTeams(sql, 2)).toBe(2);
  expect(await deleteOldChangesOfAllTeams(sql, 9)).toBe(1);
  expect(await deleteOldChangesOfAllTeams(sql, 9)).toBe(0);
});
