import type { Sql } from "./sql.ts";

/** The sealed word of one encryption key. */
export type EncryptionCheck = { keyId: string; sealedWord: Buffer };

/** Lists the keys that sealed this database's secrets, with their checks. */
export async function listEncryptionChecks(sql: Sql): Promise<EncryptionCheck[]> {
  return await sql<EncryptionCheck>`
    select key_id as "keyId", sealed_word as "sealedWord" from encryption_checks`;
}

/** Stores a key's id with a word that the key sealed; a known key stays as it is. */
export async function insertEncryptionCheck(sql: Sql, check: EncryptionCheck): Promise<void> {
  await sql`
    insert into encryption_checks (key_id, sealed_word)
    values (${check.keyId}, ${check.sealedWord})
    on conflict do nothing`;
}

/** Deletes the checks of keys with which nothing is sealed any more. */
export async function deleteEncryptionChecks(sql: Sql, keyIds: readonly string[]): Promise<void> {
  await sql`delete from encryption_checks where key_id = any(${[...keyIds]}::text[])`;
}
