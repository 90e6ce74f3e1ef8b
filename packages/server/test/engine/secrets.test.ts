import { expect, test } from "vitest";
import { openKeyring, SealError } from "../../src/secrets.ts";
import { openHouse } from "../support/house.ts";

const place = { table: "subscriptions", column: "sealed_credential", teamId: "t", rowId: "r" };
const keyOf = (byte: number) => Buffer.alloc(32, byte);

test("a sealed text opens to the same text, also an empty one and emoji", () => {
  const keyring = openKeyring([keyOf(1)]);
  for (const plain of ["", "a", "Grüße 🎉", "x".repeat(10_000)]) {
    expect(keyring.open(keyring.seal(plain, place), place)).toBe(plain);
  }
});

test("the same text is sealed differently each time", () => {
  const keyring = openKeyring([keyOf(1)]);
  expect(keyring.seal("a", place).equals(keyring.seal("a", place))).toBe(false);
});

test("a sealed value opens nowhere but in its table, column, team and row", () => {
  const keyring = openKeyring([keyOf(1)]);
  const sealed = keyring.seal("a", place);
  for (const moved of [
    { ...place, table: "assistants" },
    { ...place, column: "sealed_signing_secret" },
    { ...place, teamId: "another" },
    { ...place, rowId: "another" },
  ]) {
    expect(() => keyring.open(sealed, moved)).toThrow(SealError);
  }
});

test("a sealed value with any byte altered, or cut short, does not open, and the error does not tell the value", () => {
  const keyring = openKeyring([keyOf(1)]);
  const sealed = keyring.seal("the-secret", place);
  for (let index = 0; index < sealed.length; index++) {
    const altered = Buffer.from(sealed);
    altered[index] = (altered[index] ?? 0) ^ 1;
    expect(() => keyring.open(altered, place)).toThrow(SealError);
    expect(() => keyring.open(sealed.subarray(0, index), place)).toThrow(SealError);
  }
  expect(() => keyring.open(sealed.subarray(0, -1), place)).not.toThrow(/the-secret/);
});

test("a rotation: the first key seals, all of them open, a key that was dropped opens nothing", () => {
  const before = openKeyring([keyOf(1)]);
  const during = openKeyring([keyOf(2), keyOf(1)]);
  const after = openKeyring([keyOf(2)]);
  const old = before.seal("old", place);
  expect(during.open(old, place)).toBe("old");
  const fresh = during.seal("new", place);
  expect(after.open(fresh, place)).toBe("new");
  expect(() => after.open(old, place)).toThrow(SealError);
  expect(() => before.open(fresh, place)).toThrow(SealError);
  expect(during.currentKeyId).toBe(after.currentKeyId);
  expect(during.keyIds).toEqual([after.currentKeyId, before.currentKeyId]);
});

test("invariant 13: no token, secret or header value stands in plain text in any column of the database", async () => {
  const house = await openHouse();
  const token = "tok_5f1c9e0b7a";
  const { secret } = await house.subscribe({ events: ["workflow_created"], token, maxRetries: 1 });
  house.receiver.answerWith(500, 200);
  await house.workflow();
  await house.drain();
  expect(house.receiver.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);

  const { sql } = house.database;
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`;
  expect(tables.length).toBeGreaterThan(8);
  const sealedSecretBytes = Buffer.from(secret.slice("whsec_".length), "base64");
  for (const { name } of tables) {
    const [row] = await sql<{ text: string | null }>`
      select query_to_xml(format('select * from %I', ${name}::text), true, false, '')::text as text`;
    const text = row?.text ?? "";
    // Bytes are printed as base64 here, so the plain text is looked for in that form as well.
    for (const form of [token, secret, secret.slice("whsec_".length)]) {
      expect(text).not.toContain(form);
      expect(text).not.toContain(Buffer.from(form).toString("base64").slice(0, -4));
      expect(text).not.toContain(Buffer.from(form).toString("hex"));
    }
    expect(text).not.toContain(sealedSecretBytes.toString("hex"));
    const signature = String(house.receiver.requests[0]?.headers["webhook-signature"]);
    expect(text).not.toContain(signature.slice(3));
  }
});

test("invariant 13: what an attempt reports to the operator holds no token, secret or payload", async () => {
  const house = await openHouse();
  const token = "tok_5f1c9e0b7a";
  const { secret } = await house.subscribe({ events: ["workflow_created"], token });
  await house.database.sql`
    alter table attempts add constraint nothing_more check (number > 10)`;
  await house.workflow({ name: "the-payload" });
  await house.dispatcher.close();
  expect(house.errors.length).toBeGreaterThan(0);
  const told = house.errors.map((error) => (error as Error).message).join("\n");
  for (const value of [token, secret, "the-payload"]) expect(told).not.toContain(value);
});
