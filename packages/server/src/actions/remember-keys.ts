import {
  type EncryptionCheck,
  insertEncryptionCheck,
  listEncryptionChecks,
} from "../db/encryption-checks.ts";
import type { Database } from "../db/pool.ts";
import { type Keyring, SealError } from "../secrets.ts";

const checkWord = "postrider";

/**
 * Checks that the keyring can open all sealed values of the database, and stores the id of the key that seals from now on.
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
  const checks = await listEncryptionChecks(database.sql);
  const missing = checks.find((one) => !isOpenedBy(keyring, one));
  if (missing) return missing.keyId;
  const keyId = keyring.currentKeyId;
  const sealedWord = keyring.seal(checkWord, place(keyId));
  await insertEncryptionCheck(database.sql, { keyId, sealedWord });
  return undefined;
}

/** Says whether the keyring has the key of this check. */
export function isOpenedBy(keyring: Keyring, { keyId, sealedWord }: EncryptionCheck): boolean {
  try {
    keyring.open(sealedWord, place(keyId));
    return true;
  } catch (error) {
    if (error instanceof SealError) return false;
    throw error;
  }
}

const place = (rowId: string) => ({
  table: "encryption_checks",
  column: "sealed_word",
  teamId: "",
  rowId,
});
