import { expect, test } from "vitest";
import { stepReplay } from "../../src/actions/replay-step.ts";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import { deleteOldReplaysOfAllTeams, lockDueReplay } from "../../src/db/replays.ts";
import { newId } from "../../src/ids.ts";
import { openReplayingApi } from "../support/replaying.ts";

const counts = ({
  state,
  matching,
  replayed,
  skipped,
  delivered,
  failed,
}: Record<string, unknown>) => ({
  state,
  matching,
  replayed,
  skipped,
  delivered,
  failed,
});

test("a replay goes from queued to done, and shows its progress at each step", async () => {
  const api = await openReplayingApi();
  const { workflow } = await api.endedRuns(3);
  const filter = { endpoint_id: api.workflowWebhook };
  const started = await api.start({ filter, rate_per_second: 50 });
  const { body: me } = await api.call("GET", "/v1/api-keys");
  expect(started).toEqual({
    id: started.id,
    state: "queued",
    filter: { endpoint_id: [api.workflowWebhook] },
    only: "failed",
    rate_per_second: 50,
    matching: null,
    replayed: 0,
    skipped: 0,
    delivered: 0,
    failed: 0,
    created_at: expect.any(String),
    started_at: null,
    finished_at: null,
    actor: me.api_keys[0].id,
  });
  expect(await api.replay(started.id)).toEqual(started);

  await api.step(started.id);
  const counted = await api.replay(started.id);
  expect(counts(counted)).toMatchObject({ state: "running", matching: 3, replayed: 0 });
  expect(counted.started_at).not.toBeNull();
  expect(await api.step(started.id)).toBe(3);
  expect(await api.madeDue()).toEqual(workflow);
  expect(counts(await api.replay(started.id))).toMatchObject({ state: "running", replayed: 3 });

  const [first = "", second = "", third = ""] = workflow;
  await api.attempt(first, "delivered");
  await api.attempt(second, "failed");
  expect(await api.step(started.id)).toBe(0);
  const almost = await api.replay(started.id);
  expect(counts(almost)).toMatchObject({ state: "running", delivered: 1, failed: 1 });
  await api.attempt(third, "delivered");
  await api.step(started.id);
  const done = await api.replay(started.id);
  expect(counts(done)).toEqual({
    state: "done",
    matching: 3,
    replayed: 3,
    skipped: 0,
    delivered: 2,
    failed: 1,
  });
  expect(Date.parse(done.finished_at)).toBeGreaterThanOrEqual(Date.parse(done.started_at));
  expect(await api.step(started.id)).toBeUndefined();
});

test("a dry run counts the matching deliveries, gives the times of the first and the last, and keeps nothing", async () => {
  const api = await openReplayingApi();
  const { workflow } = await api.endedRuns(2);
  const [first, last] = [await api.get(workflow[0] ?? ""), await api.get(workflow[1] ?? "")];
  const filter = { endpoint_id: api.workflowWebhook };
  expect(await api.tryOut({ filter })).toEqual({
    matching: 2,
    oldest: first.created_at,
    newest: last.created_at,
  });
  expect(await api.tryOut({ filter, only: "all" })).toMatchObject({ matching: 3 });
  expect(await api.tryOut({ filter: { endpoint_id: newId() } })).toEqual({
    matching: 0,
    oldest: null,
    newest: null,
  });
  expect((await api.call("GET", "/v1/replays")).body.replays).toEqual([]);
  expect((await api.call("GET", "/v1/audit")).body.entries[0]?.action).not.toBe("replay.started");
  expect(await api.madeDue()).toEqual([]);
});

test("`failed` replays the failed deliveries, `all` those that were delivered too, and neither what waits", async () => {
  const api = await openReplayingApi();
  const failed = await api.endedRuns(2, "failed");
  const delivered = await api.endedRuns(2, "delivered");
  const { workflow } = await api.make("/workflows/v1/workflows", { name: "Waits" });
  const waiting = (await api.list(`?subject_id=${workflow.id}`)).deliveries[0].id;
  const filter = { contract: "organisation" };
  const ofFailed = await api.start({ filter, only: "failed" });
  await api.step(ofFailed.id);
  await api.step(ofFailed.id);
  expect(await api.madeDue()).toEqual(failed.organisation);
  await api.finish(ofFailed.id);

  const ofAll = await api.start({ filter: {}, only: "all" });
  await api.step(ofAll.id);
  await api.step(ofAll.id);
  const due = await api.madeDue();
  expect(due).toEqual(expect.arrayContaining([...failed.workflow, ...delivered.organisation]));
  expect(due).not.toContain(waiting);
  // What waits while a filter asks for it is never replayed.
  const ofWaiting = await api.start({ filter: { status: ["pending", "retrying"] }, only: "all" });
  expect(counts(await api.finish(ofWaiting.id))).toMatchObject({ matching: 0, replayed: 0 });
});

test("each filter of the list of deliveries is one of a replay, as a value or a list, and finds the same", async () => {
  const api = await openReplayingApi();
  const { workflow } = await api.endedRuns(3);
  const [first = "", second = ""] = workflow;
  await api.database.sql`
    update attempts set error_code = 'timeout' where delivery_id = ${second}`;
  const one = await api.get(first);
  const two = await api.get(second);
  const filters: Record<string, string | string[]>[] = [
    {},
    { endpoint_id: api.webhook },
    { endpoint_id: [api.webhook, api.workflowWebhook] },
    { contract: "workflow" },
    { event_type: ["workflow.started", "hang"] },
    { subject_id: one.run_id },
    { subject_id: one.workflow_id },
    { event_id: one.event_id },
    { error_code: "timeout" },
    { status: "failed" },
    { from: two.created_at },
    { to: two.created_at },
    { from: one.created_at, to: two.created_at, contract: "workflow" },
  ];
  for (const filter of filters) {
    const query = new URLSearchParams({ limit: "200" });
    for (const [name, value] of Object.entries(filter)) {
      for (const each of [value].flat()) query.append(name, each);
    }
    if (!("status" in filter)) query.append("status", "failed");
    const { deliveries } = await api.list(`?${query}`);
    expect(deliveries.length, JSON.stringify(filter)).toBeGreaterThan(0);
    const tried = await api.tryOut({ filter });
    expect([filter, tried.matching]).toEqual([filter, deliveries.length]);
    expect(tried.newest).toBe(deliveries[0].created_at);
    expect(tried.oldest).toBe(deliveries.at(-1).created_at);
  }
  for (const filter of [
    { endpoint_id: "x" },
    { nonsense: 1 },
    { endpoint_id: [] },
    { from: "x" },
  ]) {
    const refused = await api.call("POST", "/v1/replays", { body: { filter } });
    expect([filter, refused.status]).toEqual([filter, 422]);
  }
});

test("contract A's replay takes the filters of its list of events, and finds the same of its own deliveries alone", async () => {
  const api = await openReplayingApi();
  const { workflow, organisation } = await api.endedRuns(3);
  const [first = "", second = ""] = workflow;
  const path = "/workflows/v1/workflow-webhooks/events";
  const one = (await api.call("GET", `${path}?search=${first}`)).body.events[0];
  const two = (await api.call("GET", `${path}?search=${second}`)).body.events[0];
  const filters: Record<string, string>[] = [
    {},
    { subscription_id: api.workflowWebhook },
    { workflow_id: one.workflow_id },
    { action: "workflow_run_started" },
    { status: "failed" },
    { search: "onboard" },
    { search: first },
    { search: one.event_id },
    { search: one.workflow_run_id },
    { search: one.workflow_id, action: "workflow_run_started" },
    { start: two.created_at },
    { end: two.created_at },
  ];
  for (const filter of filters) {
    const query = new URLSearchParams({ status: "failed", ...filter });
    const { total } = (await api.call("GET", `${path}?${query}`)).body;
    const body = { filter, dry_run: true };
    const tried = await api.call("POST", `${path}/replay`, { body });
    expect([filter, tried.status, tried.body.matching]).toEqual([filter, 200, total]);
    expect(total).toBeGreaterThan(0);
  }

  const started = await api.call("POST", `${path}/replay`, {
    body: { filter: { search: "onboard" } },
  });
  expect([started.status, started.body.filter]).toEqual([202, { search: "onboard" }]);
  await api.step(started.body.id);
  await api.step(started.body.id);
  expect(await api.madeDue()).toEqual(workflow);
  expect(counts(await api.finish(started.body.id))).toMatchObject({ delivered: 3 });
  expect((await api.get(organisation[0] ?? "")).attempts).toHaveLength(1);
  expect(
    (await api.call("POST", `${path}/replay`, { body: { filter: { endpoint_id: newId() } } }))
      .status,
  ).toBe(422);
});

test("a replayed delivery keeps its webhook-id and its body, and its attempt names who asked", async () => {
  const api = await openReplayingApi();
  const { workflow } = await api.endedRuns(1);
  const [id = ""] = workflow;
  const before = await api.get(id);
  const { id: replayId, actor } = await api.start({ filter: { event_id: before.event_id } });
  await api.step(replayId);
  await api.step(replayId);
  const [row] = await api.database.sql<{ by: string; count: number }>`
    select updated_by as by, manual_count as count from deliveries where id = ${id}`;
  expect(row).toEqual({ by: actor, count: 1 });
  await api.finish(replayId);
  const after = await api.get(id);
  expect(after.event_id).toBe(before.event_id);
  expect(after.request).toEqual(before.request);
  expect([after.status, after.attempts.length]).toEqual(["delivered", 2]);
});

test("deliveries made after a replay was requested are not replayed, and no delivery is replayed twice", async () => {
  const api = await openReplayingApi();
  const old = await api.endedRuns(2);
  const { id } = await api.start({ filter: { contract: "workflow" } });
  const fresh = await api.endedRuns(2);
  expect(counts(await api.finish(id, "failed"))).toMatchObject({
    matching: 2,
    replayed: 2,
    failed: 2,
  });
  for (const each of old.workflow) expect((await api.get(each)).attempts).toHaveLength(2);
  for (const each of fresh.workflow) expect((await api.get(each)).attempts).toHaveLength(1);
});

test("a payload that is gone, a disabled and a deleted endpoint, and what waits by now are passed over and counted", async () => {
  const api = await openReplayingApi();
  const { sql } = api.database;
  const { workflow, organisation } = await api.endedRuns(3);
  const { id } = await api.start({ filter: {} });
  await api.step(id);
  await sql`
    update events set payload = null
    where id = (select event_id from deliveries where id = ${workflow[0]})`;
  await api.retry(workflow[1] ?? "");
  await sql`update subscriptions set enabled = false where id = ${api.webhook}`;
  await sql`delete from deliveries where id = ${organisation[2]}`;
  await api.step(id);
  expect(await api.madeDue()).toEqual(workflow.slice(1));
  expect(counts(await api.finish(id))).toEqual({
    state: "done",
    matching: 6,
    replayed: 1,
    // The one that waits and the one that is erased are not found any more.
    skipped: 3,
    delivered: 1,
    failed: 0,
  });
});

test("a cancelled replay starts no more, and what it has started goes on and is counted", async () => {
  const api = await openReplayingApi();
  const { workflow } = await api.endedRuns(4);
  const { id } = await api.start({ filter: { contract: "workflow" } });
  await api.step(id);
  // Half of the free places.
  expect(await api.step(id, () => 4)).toBe(2);
  const cancelled = await api.call("POST", `/v1/replays/${id}/cancel`);
  expect([cancelled.status, cancelled.body.state]).toEqual([200, "cancelled"]);
  expect(cancelled.body.finished_at).not.toBeNull();
  expect(await api.step(id)).toBe(0);
  const started = workflow.slice(0, 2);
  expect(await api.madeDue()).toEqual(started);
  for (const each of started) await api.attempt(each, "delivered");
  await api.step(id);
  expect(counts(await api.replay(id))).toMatchObject({
    state: "cancelled",
    replayed: 2,
    delivered: 2,
  });
  expect(await api.step(id)).toBeUndefined();
  const again = await api.call("POST", `/v1/replays/${id}/cancel`);
  expect([again.status, again.body]).toEqual([200, await api.replay(id)]);
  const { entries } = (await api.call("GET", `/v1/audit?subject=${id}`)).body;
  expect(entries.map(({ action }: { action: string }) => action)).toEqual([
    "replay.cancelled",
    "replay.started",
  ]);
});

test("another team's replay looks like an unknown one, replays only its own deliveries, and is not in the list", async () => {
  const api = await openReplayingApi();
  await api.endedRuns(1);
  const stranger = await api.newTeam();
  const own = await api.start({ filter: {} });
  const foreign = await api.start({ filter: {} }, stranger.key);
  for (const path of ["", "/cancel"]) {
    const method = path === "" ? "GET" : "POST";
    const ask = (id: string) => api.call(method, `/v1/replays/${id}${path}`, { key: stranger.key });
    const [unknown, theirs] = [await ask(newId()), await ask(own.id)];
    expect([unknown.status, theirs.status]).toEqual([404, 404]);
    expect({ ...theirs.body, request_id: "" }).toEqual({ ...unknown.body, request_id: "" });
  }
  const { replays } = (await api.call("GET", "/v1/replays")).body;
  expect(replays.map(({ id }: { id: string }) => id)).toEqual([own.id]);
  expect(replays).toEqual([await api.replay(own.id)]);
  const { body } = await api.call("POST", "/v1/replays", {
    key: stranger.key,
    body: { filter: { endpoint_id: api.workflowWebhook }, dry_run: true },
  });
  expect(body.matching).toBe(0);
  expect(foreign.id).not.toBe(own.id);
});

test("a start under an Idempotency-Key is one replay, and more than ten unfinished ones are refused", async () => {
  const api = await openReplayingApi();
  const headers = { "idempotency-key": "once" };
  const start = () => api.call("POST", "/v1/replays", { body: { filter: {} }, headers });
  const [first, second] = [await start(), await start()];
  expect([first.status, second.status, second.body]).toEqual([202, 202, first.body]);
  for (let count = 1; count < 10; count++) await api.start({ filter: {} });
  const refused = await api.call("POST", "/v1/replays", { body: { filter: {} } });
  expect([refused.status, refused.body.code]).toEqual([409, "quota_exceeded"]);
  const listed = (await api.call("GET", "/v1/replays?limit=3")).body;
  expect(listed.replays).toHaveLength(3);
  await api.finish(first.body.id);
  await api.start({ filter: {} });
  // Following the cursor gives those that were there at the first page.
  const rest = (await api.call("GET", `/v1/replays?cursor=${listed.next_cursor}`)).body;
  expect([rest.replays.length, rest.next_cursor]).toEqual([7, null]);
});

test("an endpoint without a free place does not stop the others, and gets its own when it has one", async () => {
  const api = await openReplayingApi();
  const { workflow, organisation } = await api.endedRuns(2);
  const { id } = await api.start({ filter: {} });
  await api.step(id);
  const none = (subscriptionId: string) => (subscriptionId === api.webhook ? 0 : 100);
  expect(await api.step(id, none)).toBe(2);
  expect(await api.madeDue()).toEqual(workflow);
  for (const each of workflow) await api.attempt(each, "delivered");
  await api.step(id, none);
  expect(counts(await api.replay(id))).toMatchObject({ state: "running", replayed: 2 });
  await api.step(id, () => 1);
  expect(await api.madeDue()).toEqual(organisation.slice(0, 1));
  expect(counts(await api.finish(id))).toMatchObject({ state: "done", delivered: 4 });
});

test("a delivery that was retried while it waited for a slot is not replayed as a failed one", async () => {
  const api = await openReplayingApi();
  const { organisation } = await api.endedRuns(2);
  const [first = ""] = organisation;
  const { id } = await api.start({ filter: { contract: "organisation" } });
  await api.step(id);
  await api.step(id, () => 0);
  await api.retry(first);
  await api.attempt(first, "delivered");
  expect(counts(await api.finish(id))).toMatchObject({
    state: "done",
    replayed: 1,
    skipped: 1,
  });
  expect((await api.get(first)).attempts).toHaveLength(2);
});

test("a replay makes at most its rate of deliveries due in a second", async () => {
  const api = await openReplayingApi();
  await api.endedRuns(4);
  const { id } = await api.start({ filter: {}, rate_per_second: 3 });
  await api.step(id);
  expect(await api.step(id)).toBe(3);
  const { sql } = api.database;
  await sql`update replays set due_at = now()`;
  const database = api.deps.database.forTeams([api.teamId]);
  const again = { teamId: api.teamId, id };
  expect(await stepReplay({ database, freeSlots: () => 1_000 }, again)).toBe(0);
  // Two thirds of a second later.
  await sql`update replays set due_at = now(), paced_at = now() - interval '670 milliseconds'`;
  expect(await stepReplay({ database, freeSlots: () => 1_000 }, again)).toBe(2);
});

test("what waits for a retry, or for its disabled endpoint, takes no place, and the replay is done when it has ended", async () => {
  const api = await openReplayingApi();
  const { sql } = api.database;
  const { workflow, organisation } = await api.endedRuns(1);
  const { id } = await api.start({ filter: {} });
  await api.step(id);
  expect(await api.step(id)).toBe(2);
  await api.attempt(workflow[0] ?? "", "retry");
  await sql`update subscriptions set enabled = false where id = ${api.webhook}`;
  expect(await api.step(id)).toBe(0);
  const inHand = await sql`select state, delivery_id as id from replayed_deliveries order by id`;
  expect(inHand).toEqual(
    [workflow[0], organisation[0]].sort().map((each) => ({ state: "waiting", id: each })),
  );
  expect(counts(await api.replay(id))).toMatchObject({ state: "running", delivered: 0 });
  await sql`update subscriptions set enabled = true where id = ${api.webhook}`;
  await api.attempt(organisation[0] ?? "", "delivered");
  await api.step(id);
  await sql`delete from deliveries where id = ${workflow[0]}`;
  await api.step(id);
  // What was erased meanwhile can have ended as nothing else.
  expect(counts(await api.replay(id))).toMatchObject({ state: "done", delivered: 1, failed: 1 });
});

test("while a process is at a step of a replay, another one finds nothing to do", async () => {
  const api = await openReplayingApi();
  await api.endedRuns(1);
  const { id } = await api.start({ filter: {} });
  const database = api.deps.database.forTeams([api.teamId]);
  await database.begin(async (tx) => {
    expect(await lockDueReplay(tx, api.teamId, id)).toBeDefined();
    const other = { database, freeSlots: () => 1_000 };
    expect(await stepReplay(other, { teamId: api.teamId, id })).toBeUndefined();
  });
  expect(await api.step(id)).toBe(0);
});

test("a replayed message of a call delays no later one of its call, and the replayed ones keep their order", async () => {
  const api = await openReplayingApi();
  const { sql } = api.database;
  const call = await api.make("/calls/v1/conversations", { assistantId: api.assistant });
  const say = (text: string) =>
    api.make(`/calls/v1/conversations/${call.id}/messages`, { role: "user", text });
  await say("one");
  await say("two");
  const messages = (await api.list(`?subject_id=${call.id}`)).deliveries
    .map(({ id }: { id: string }) => id)
    .reverse();
  for (const each of messages) await api.attempt(each, "failed");
  await say("three");
  const [later] = (await api.list(`?subject_id=${call.id}&status=pending`)).deliveries;

  const { id } = await api.start({ filter: { subject_id: call.id } });
  await api.step(id);
  expect(await api.step(id)).toBe(messages.length);
  const claim = () =>
    claimDueOfAllTeams(
      api.database.sql,
      [{ subscriptionId: api.assistant, limit: 10, leaseMs: 1_000, kind: "ordered" }],
      { leaseToken: crypto.randomUUID(), payloadBytesMax: 1e6 },
    );
  const first = (await claim()).map((delivery) => delivery.id);
  // The one that waits goes at once, and beside it the first of those that are replayed.
  expect(first.sort()).toEqual([messages[0], later.id].sort());
  expect(await claim()).toEqual([]);
  await sql`
    update deliveries set status = 'delivered', finished_at = now(), due_at = null, retry_at = null,
      lease_token = null
    where id = ${messages[0]}`;
  expect((await claim()).map((delivery) => delivery.id)).toContain(messages[1]);
});

test("replays are forgotten after 30 days, once they have ended", async () => {
  const api = await openReplayingApi();
  await api.endedRuns(1);
  const ended = await api.start({ filter: {} });
  await api.finish(ended.id);
  const open = await api.start({ filter: {} });
  const { sql } = api.database;
  const left = async () => (await api.call("GET", "/v1/replays")).body.replays.length;
  await sql`update replays set created_at = created_at - interval '29 days'`;
  expect(await deleteOldReplaysOfAllTeams(sql, 100)).toBe(0);
  await sql`update replays set created_at = created_at - interval '2 days'`;
  expect([await deleteOldReplaysOfAllTeams(sql, 100), await left()]).toEqual([1, 1]);
  expect((await api.replay(open.id)).state).toBe("queued");
});
