import { expect, test } from "vitest";
import { openListener } from "../../src/actions/listeners.ts";
import { type Rotation, rotateEncryption } from "../../src/actions/rotate-encryption.ts";
import { insertEncryptionCheck, listEncryptionChecks } from "../../src/db/encryption-checks.ts";
import { listenerAnswerContext, listenerHeadersContext } from "../../src/db/listener-requests.ts";
import type { Database } from "../../src/db/pool.ts";
import { listSealedByOthersOfAllTeams, sealedTables } from "../../src/db/sealed-columns.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import { newId } from "../../src/ids.ts";
import { type Keyring, openKeyring } from "../../src/secrets.ts";
import { makeAssistant, say, startCall } from "../support/calls.ts";
import { type House, openHouse } from "../support/house.ts";

// The house seals with the old key.
const oldKey = Buffer.alloc(32, 7);
const newKey = Buffer.alloc(32, 8);
const both = openKeyring([newKey, oldKey]);
const newOnly = openKeyring([newKey]);

const rotate = (
  database: Database,
  given: { keyring?: Keyring; stopAfter?: number; batch?: number; told?: object[] } = {},
): Promise<Rotation> => {
  const stop = new AbortController();
  if (given.stopAfter === 0) stop.abort();
  return rotateEncryption(
    { database, keyring: given.keyring ?? both },
    {
      batch: given.batch ?? 2,
      stop: stop.signal,
      onProgress: (progress) => {
        given.told?.push(progress);
        if (progress.resealed + progress.unopened >= (given.stopAfter ?? Number.POSITIVE_INFINITY))
          stop.abort();
      },
    },
  );
};

/** Counts by table the rows in which something is sealed by another key than this one. */
async function sealedByOthers({ database }: House, { currentKeyId }: Keyring) {
  const counts = new Map<string, number>();
  for (const table of sealedTables) {
    const walk = { keyId: currentKeyId, after: undefined, limit: 10_000 };
    const { rows } = await listSealedByOthersOfAllTeams(database.sql, table, walk);
    counts.set(table.name, rows.length);
  }
  return counts;
}

/** Puts something sealed with the old key into every column that can hold it. */
async function furnish(): Promise<House> {
  const house = await openHouse();
  const { sql } = house.database;
  await sql`update teams set encrypt_payloads = true where id = ${house.teamId}`;
  await insertEncryptionCheck(sql, {
    keyId: house.keyring.currentKeyId,
    sealedWord: house.keyring.seal("postrider", {
      table: "encryption_checks",
      column: "sealed_word",
      teamId: "",
      rowId: house.keyring.currentKeyId,
    }),
  });
  const document = jsonText({ a: 1 });
  house.receiver.answerBy(() => ({ status: 200, body: "an answer" }));
  await house.subscribe({ events: ["workflow_run_completed"], token: "a token" });
  const runId = await house.startRun(await house.workflow(), { input: document });
  const step = { status: "failed", output: document, error: document } as const;
  await house.record({ type: "step.reported", runId, stepId: "one", data: step });
  const output = { output: document, collectedInformation: document, error: document };
  await house.endRun(runId, { status: "failed", ...output });
  const assistantId = await makeAssistant(house, { secret: "a word", headers: { "x-a": "b" } });
  const numbers = { userNumber: "1", assistantNumber: "2", metadata: document };
  const callId = await startCall(house, assistantId, numbers);
  await say(house, callId, "user", "words", { metrics: document });
  const told = { recording: document, analysis: document, cost: document, metrics: document };
  await house.record({ type: "call.ended", callId, data: told });
  await house.drain();
  await sql`
    update subscriptions set previous_secret_expires_at = now() + interval '1 day',
      sealed_previous_secret = ${house.keyring.seal("whsec_AAAA", {
        table: "subscriptions",
        column: "sealed_previous_secret",
        teamId: house.teamId,
        rowId: assistantId,
      })}
    where id = ${assistantId}`;
  await sql`
    insert into idempotency_keys (team_id, key, fingerprint, status_code, sealed_response)
    values (${house.teamId}, 'a key', '', 200, ${house.keyring.seal("{}", {
      table: "idempotency_keys",
      column: "sealed_response",
      teamId: house.teamId,
      rowId: "a key",
    })})`;
  await askListener(house);
  return house;
}

/** A request of a listener that was answered, and whose answer nobody has taken yet. */
async function askListener({ database, keyring, audit, teamId }: House): Promise<void> {
  const [id, requestId] = [newId(), newId()];
  const wish = { contract: "workflow" };
  const draft = { teamId, id, wish, eventTypes: null, actor: "somebody" };
  await openListener({ database, keyring, audit }, draft);
  await database.sql`
    insert into listener_requests (team_id, id, listener_id, delivery_id, event_id, event_type,
      event_created_at, attempt_number, deadline_at, sealed_headers, sealed_answer, answered_at)
    values (${teamId}, ${requestId}, ${id}, ${newId()}, gen_random_uuid(), 'workflow_created', now(), 1,
      now(), ${keyring.seal("[]", listenerHeadersContext(teamId, requestId))},
      ${keyring.seal("{}", listenerAnswerContext(teamId, requestId))}, now())`;
}

test("a rotation that was stopped goes on where it is needed, until all opens with the new key alone and the old one is forgotten", async () => {
  const house = await furnish();
  const old = house.keyring.currentKeyId;
  const before = await sealedByOthers(house, newOnly);
  expect([...before].filter(([, rows]) => rows === 0)).toEqual([]);

  const stopped = await rotate(house.database, { stopAfter: 4, batch: 1 });
  expect(stopped).toMatchObject({ complete: false, unusedKeyIds: [] });
  expect(stopped.neededKeyIds).toContain(old);
  expect(stopped.resealed).toBeGreaterThanOrEqual(4);

  const done = await rotate(house.database);
  expect(done.resealed).toBeGreaterThan(stopped.resealed); // It had stopped at once.
  expect(done).toMatchObject({ complete: true, unopened: 0, unusedKeyIds: [old] });
  const after = await sealedByOthers(house, newOnly);
  expect([...after.values()].reduce((sum, rows) => sum + rows)).toBe(0);
  expect(await listEncryptionChecks(house.database.sql)).toEqual([]);
  // Every value opens at its own place: nothing is sealed by another key than this, and this one opens it.
  const again = await rotate(house.database, { keyring: openKeyring([oldKey, newKey]) });
  expect(again).toMatchObject({ complete: true, unopened: 0 });
  expect(again.resealed).toBe(stopped.resealed + done.resealed);

  // Nothing is left: it says nothing and changes nothing.
  const told: object[] = [];
  const begin = () => Promise.reject(new Error("there is nothing to change"));
  const idle = await rotate({ ...house.database, begin }, { keyring: openKeyring([oldKey]), told });
  expect(idle).toMatchObject({ complete: true, resealed: 0, unopened: 0 });
  expect(told).toEqual([]);
});

test("a table is walked in pages of any size, each row once and in its order", async () => {
  const { database } = await furnish();
  for (const table of sealedTables) {
    const page = async (after: string[] | undefined, limit: number) =>
      await listSealedByOthersOfAllTeams(database.sql, table, {
        keyId: newOnly.currentKeyId,
        after,
        limit,
      });
    const { rows: all, last: none } = await page(undefined, 10_000);
    expect([table.name, none]).toEqual([table.name, undefined]);
    for (const limit of [1, 2, all.length, all.length + 1]) {
      const walked: object[] = [];
      let after: string[] | undefined;
      let pages = 0;
      do {
        const { rows, last } = await page(after, limit);
        expect(rows.length).toBeLessThanOrEqual(limit);
        walked.push(...rows);
        after = last;
        pages += 1;
      } while (after && pages <= all.length);
      expect([table.name, limit, walked]).toEqual([table.name, limit, all]);
    }
  }
});

test("a rotation that is stopped before it begins does nothing and promises nothing", async () => {
  const house = await furnish();
  const old = house.keyring.currentKeyId;
  const rotation = await rotate(house.database, { stopAfter: 0 });
  expect(rotation).toEqual({
    resealed: 0,
    unopened: 0,
    complete: false,
    keyId: newOnly.currentKeyId,
    unusedKeyIds: [],
    neededKeyIds: [newOnly.currentKeyId, old],
  });
});

test("a rotation against which others seal with the old key gives up after five passes", async () => {
  const house = await furnish();
  const { sql, begin } = house.database;
  const place = { table: "subscriptions", column: "sealed_credential", teamId: house.teamId };
  let sealed = 0;
  const database: Database = {
    ...house.database,
    begin: async (work) => {
      const result = await begin(work);
      const [row] = await sql<{ id: string }>`select id from subscriptions order by id limit 1`;
      const id = row?.id ?? "";
      const again = house.keyring.seal("a token", { ...place, rowId: id });
      const [changed] = await sql<{ id: string }>`
        update subscriptions set sealed_credential = ${again}
        where id = ${id} and substr(sealed_credential, 2, 4) = decode(${newOnly.currentKeyId}, 'hex')
        returning id`;
      if (changed) sealed += 1;
      return result;
    },
  };
  await sql`
    update subscriptions set sealed_credential = ${house.keyring.seal("a token", place as never)}
    where sealed_credential is null`;
  const rotation = await rotate(database, { batch: 100 });
  expect(rotation).toMatchObject({ complete: false, unusedKeyIds: [] });
  expect(sealed).toBe(5);
});

test("a value that the service changes meanwhile is not overwritten with what it was", async () => {
  const house = await furnish();
  const place = { table: "subscriptions", column: "sealed_credential", teamId: house.teamId };
  const { sql, begin, beginReading } = house.database;
  let changed = false;
  const database: Database = {
    sql,
    beginReading,
    // The row has been read by now, and is about to be written.
    begin: async (work) => {
      if (!changed) {
        changed = true;
        const rows = await sql<{ id: string }>`
          select id from subscriptions where sealed_credential is not null`;
        for (const { id } of rows) {
          const sealed = house.keyring.seal("a newer token", { ...place, rowId: id });
          await sql`update subscriptions set sealed_credential = ${sealed} where id = ${id}`;
        }
      }
      return await begin(work);
    },
  };
  await rotate(database, { batch: 100 });
  const tokens = await sql<{ id: string; sealed: Buffer }>`
    select id, sealed_credential as sealed from subscriptions where sealed_credential is not null`;
  expect(tokens.length).toBeGreaterThan(1);
  for (const { id, sealed } of tokens) {
    expect(newOnly.open(sealed, { ...place, rowId: id })).toBe("a newer token");
  }
});

test("two rotations at once seal everything once between them", async () => {
  const house = await furnish();
  const alone = await sealedByOthers(house, newOnly);
  const rotations = await Promise.all([rotate(house.database), rotate(house.database)]);
  for (const rotation of rotations) expect(rotation).toMatchObject({ complete: true, unopened: 0 });
  const after = await sealedByOthers(house, newOnly);
  expect([...after.keys()]).toEqual([...alone.keys()]);
  expect([...after.values()].reduce((sum, rows) => sum + rows)).toBe(0);
});

test("a value that no key opens is counted and left alone, and then no key is declared unused", async () => {
  const house = await furnish();
  const stranger = openKeyring([Buffer.alloc(32, 9)]);
  const place = { table: "subscriptions", column: "sealed_credential", teamId: "t", rowId: "r" };
  const foreign = stranger.seal("x", place);
  await house.database.sql`
    update subscriptions set sealed_credential = ${foreign} where contract = 'workflow'`;
  const rotation = await rotate(house.database);
  expect(rotation).toMatchObject({ complete: true, unopened: 1, unusedKeyIds: [] });
  expect(rotation.neededKeyIds).toContain(house.keyring.currentKeyId);
  const [row] = await house.database.sql<{ sealed: Buffer }>`
    select sealed_credential as sealed from subscriptions where contract = 'workflow'`;
  expect(row?.sealed.equals(foreign)).toBe(true);
});

test("a rotation that is stopped after what no key opens is not complete", async () => {
  const house = await furnish();
  const foreign = openKeyring([Buffer.alloc(32, 9)]).seal("x", {
    table: "subscriptions",
    column: "sealed_credential",
    teamId: "t",
    rowId: "r",
  });
  const { sql } = house.database;
  await sql`
    update subscriptions set sealed_credential = ${foreign}, sealed_headers = null,
      sealed_signing_secret = ${foreign}, sealed_previous_secret = null,
      previous_secret_expires_at = null`;
  const rotation = await rotate(house.database, { batch: 1, stopAfter: 1 });
  expect(rotation).toMatchObject({ resealed: 0, unopened: 2, complete: false, unusedKeyIds: [] });
});
