import { expect, test } from "vitest";
import { type Rotation, rotateEncryption } from "../../src/actions/rotate-encryption.ts";
import { insertEncryptionCheck, listEncryptionChecks } from "../../src/db/encryption-checks.ts";
import { listSealedByOthersOfAllTeams, sealedTables } from "../../src/db/sealed-columns.ts";
import type { Database } from "../../src/db/sql.ts";
import { jsonText } from "../../src/domain/json-text.ts";
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
  given: { keyring?: Keyring; stopAfter?: number; batch?: number } = {},
): Promise<Rotation> => {
  const stop = new AbortController();
  return rotateEncryption(
    { database, keyring: given.keyring ?? both },
    {
      batch: given.batch ?? 2,
      stop: stop.signal,
      onProgress: ({ resealed }) => {
        if (resealed >= (given.stopAfter ?? Number.POSITIVE_INFINITY)) stop.abort();
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
  return house;
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
  expect(done).toMatchObject({ complete: true, unopened: 0, unusedKeyIds: [old] });
  const after = await sealedByOthers(house, newOnly);
  expect([...after.values()].reduce((sum, rows) => sum + rows)).toBe(0);
  expect(await listEncryptionChecks(house.database.sql)).toEqual([]);
  // Every value opens at its own place: nothing is sealed by another key than this, and this one opens it.
  const again = await rotate(house.database, { keyring: openKeyring([oldKey, newKey]) });
  expect(again).toMatchObject({ complete: true, unopened: 0 });
  expect(again.resealed).toBe(stopped.resealed + done.resealed);
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
  expect(rotation).toMatchObject({ unopened: 1, unusedKeyIds: [] });
  expect(rotation.neededKeyIds).toContain(house.keyring.currentKeyId);
  const [row] = await house.database.sql<{ sealed: Buffer }>`
    select sealed_credential as sealed from subscriptions where contract = 'workflow'`;
  expect(row?.sealed.equals(foreign)).toBe(true);
});
