import type pg from "pg";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";

/** A process that was not seen for so long, and whose session has ended, is dead. */
export const unseenMsMax = 3_000;
/** A restart of PostgreSQL ends the sessions of the living as well: so long they have to lock again. */
export const relockMsMax = 5_000;
/** A claimed lease of a process lasts no longer than this. */
const leaseMsMax = 120_000;

/** Writes that a process is there; says which others were not seen for a while. */
export async function seeLeaseOwnerOfAllTeams(sql: Sql, owner: string): Promise<string[]> {
  const rows = await sql("see_lease_owner")<{ owner: string }>`
    with seen as (
      insert into lease_owners (owner) values (${owner})
      on conflict (owner) do update set seen_at = now()
    )
    select owner from lease_owners
    where owner <> ${owner} and seen_at < now() - ${unseenMsMax} * interval '1 millisecond'
      and pg_postmaster_start_time() < now() - ${relockMsMax} * interval '1 millisecond'`;
  return rows.map((row) => row.owner);
}

/** A process has ended in order, and holds nothing any more. */
export async function removeLeaseOwnerOfAllTeams(sql: Sql, owner: string): Promise<void> {
  await sql`delete from lease_owners where owner = ${owner}`;
}

/**
 * Ends the leases of a process that is dead, and says whether it was: the lock that it holds while it lives is free.
 *
 * What it had claimed is due now; its hot leases have run out, and the next walk makes due what is under them. Each keeps
 * its token, which tells the claim that an attempt may have been lost.
 */
export async function endLeasesOfDeadOwnerOfAllTeams(
  database: Database,
  owner: string,
): Promise<boolean> {
  const [first, last] = [`${owner}0000000000000000`, `${owner}ffffffffffffffff`];
  return await database.begin(async (tx) => {
    // Both at once for others who find it dead: one of them ends its leases.
    const [found] = await tx<{ dead: boolean }>`
      select pg_try_advisory_xact_lock(${lockKeyOf(owner)}::bigint) as dead
      from lease_owners where owner = ${owner} and seen_at < now() - ${unseenMsMax} * interval '1 millisecond'
      for update`;
    if (!found?.dead) return false;
    await tx`
      update hot_leases set expires_at = now()
      where lease_token between ${first}::uuid and ${last}::uuid and expires_at > now()`;
    await tx`
      with recursive subscription as (
        (select subscription_id from deliveries where due_at is not null
         order by subscription_id limit 1)
        union all
        select next.subscription_id from subscription
        cross join lateral (
          select d.subscription_id from deliveries d
          where d.due_at is not null and d.subscription_id > subscription.subscription_id
          order by d.subscription_id limit 1
        ) next
      ), held as (
        select d.row_at from subscription
        cross join lateral (
          select ctid as row_at from deliveries
          where subscription_id = subscription.subscription_id
            and due_at > now() and due_at <= now() + ${leaseMsMax} * interval '1 millisecond'
            and lease_token between ${first}::uuid and ${last}::uuid
          offset 0
          for update
        ) d
      )
      update deliveries d set due_at = now() from held where d.ctid = held.row_at`;
    await tx`delete from lease_owners where owner = ${owner}`;
    return true;
  });
}

/** Takes the lock that a process holds for as long as this session lasts; false while an earlier session of it has it. */
export async function lockAsOwner(client: pg.ClientBase, owner: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "select pg_try_advisory_lock($1::bigint) as locked",
    [lockKeyOf(owner)],
  );
  return rows[0]?.locked === true;
}

const lockKeyOf = (owner: string): string => BigInt.asIntN(64, BigInt(`0x${owner}`)).toString();
