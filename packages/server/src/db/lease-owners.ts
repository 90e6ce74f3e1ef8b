import type pg from "pg";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";

/** A process that was not seen for this long, and whose session has ended, is dead. */
export const unseenMsMax = 3_000;
/** A restart of PostgreSQL ends the sessions of living processes too: they have this long to lock again. */
export const relockMsMax = 5_000;
/** The longest claimed lease. */
const leaseMsMax = 120_000;

/** Writes that a process is alive; returns other processes that were not seen for a while. */
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

/** Removes a process that has ended normally and holds nothing any more. */
export async function removeLeaseOwnerOfAllTeams(sql: Sql, owner: string): Promise<void> {
  await sql`delete from lease_owners where owner = ${owner}`;
}

/**
 * Ends the leases of a dead process; false if it is alive. It is dead if the lock that it holds while it lives is free.
 *
 * Its claimed deliveries are due now. Its hot leases expire, and the next walk makes their deliveries due. Each delivery
 * keeps its lease token, which shows the claim that an attempt may have been lost.
 */
export async function endLeasesOfDeadOwnerOfAllTeams(
  database: Database,
  owner: string,
): Promise<boolean> {
  const [first, last] = [`${owner}0000000000000000`, `${owner}ffffffffffffffff`];
  return await database.begin(async (tx) => {
    // Checked and locked in one statement: of several processes that find it dead, one ends its leases.
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
