import { expect, test } from "vitest";
import { rememberKeys } from "../../src/actions/remember-keys.ts";
import { insertEncryptionCheck, listEncryptionChecks } from "../../src/db/encryption-checks.ts";
import { openKeyring } from "../../src/secrets.ts";
import { openHouse } from "../support/house.ts";

const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

test("a key that sealed is missed when it is not given any more, and the one that seals now is remembered", async () => {
  const { database } = await openHouse({ started: false });
  const known = async () =>
    (await listEncryptionChecks(database.sql)).map(({ keyId }) => keyId).sort();
  const [old, fresh] = [openKeyring([first]), openKeyring([second])];
  const both = openKeyring([second, first]);

  // What an earlier release wrote down opens at its place.
  await insertEncryptionCheck(database.sql, {
    keyId: old.currentKeyId,
    sealedWord: old.seal("postrider", {
      table: "encryption_checks",
      column: "sealed_word",
      teamId: "",
      rowId: old.currentKeyId,
    }),
  });
  expect(await rememberKeys({ database, keyring: old })).toBeUndefined();
  expect(await rememberKeys({ database, keyring: fresh })).toBe(old.currentKeyId);
  // Who lacks a key seals nothing.
  expect(await known()).toEqual([old.currentKeyId]);
  expect(await rememberKeys({ database, keyring: both })).toBeUndefined();
  expect(await known()).toEqual([old.currentKeyId, fresh.currentKeyId].sort());
  expect(await rememberKeys({ database, keyring: both })).toBeUndefined();
  expect(await rememberKeys({ database, keyring: old })).toBe(fresh.currentKeyId);
});

test("an error that is no seal's is not taken for a missing key", async () => {
  const { database } = await openHouse({ started: false });
  const keyring = openKeyring([first]);
  expect(await rememberKeys({ database, keyring })).toBeUndefined();
  const broken = {
    ...keyring,
    open: () => {
      throw new RangeError("out of memory");
    },
  };
  await expect(rememberKeys({ database, keyring: broken })).rejects.toThrow("out of memory");
});
