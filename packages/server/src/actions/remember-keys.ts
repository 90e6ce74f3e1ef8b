import { insertEncryptionCheck, listEncryptionChecks } from "../db/encryption-checks.ts";
import type { Database } from "../db/sql.ts";
import { type Keyring, SealError } from "../secrets.ts";

const checkWord = "postrider";

/**
 * Makes sure that the keyring can open what the database has sealed, and remembers the key that seals from now on.
 *
 * Returns the id of a key that the keyring lacks; undefined when all is well.
 */
export async function rememberKeys({
  database,
  keyring,
}: {
  database: Database;
  keyring: Keyring;
}): Promise<string | undefined> {
  const place = (rowId: string) => ({
    table: "encryption_checks",
    column: "sealed_word",
    teamId: "",
    rowId,
  });
  for (const { keyId, sealedWord } of await listEncryptionChecks(database.sql)) {
    try {
      keyring.open(sealedWord, place(keyId));
    } catch (error) {
      if (error instanceof SealError) return keyId;
      throw error;
    }
  }
  const keyId = keyring.currentKeyId;
  const sealedWord = keyring.seal(checkWord, place(keyId));
  await insertEncryptionCheck(database.sql, { keyId, sealedWord });
  return undefined;
}
