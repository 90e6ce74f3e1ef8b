import type { Tx } from "./transaction.ts";

/** Takes the janitor's lock until the transaction ends; false when another process holds it. */
export async function takeJanitorLock(tx: Tx): Promise<boolean> {
  const [row] = await tx<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('postrider.janitor')) as taken`;
  return row?.taken ?? false;
}
