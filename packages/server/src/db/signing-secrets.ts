import type { Sql } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";
import type { Tx } from "./transaction.ts";

/** The sealed signing secret, and until when the previous one is valid (null: it is not). */
export type SigningSecretRow = { sealedSigningSecret: Buffer; previousExpiresAt: Date | null };

/** Finds the signing secret of a subscription that is not deleted. */
export async function findSigningSecret(
  sql: Sql,
  owner: SubscriptionOwner,
  id: string,
): Promise<SigningSecretRow | undefined> {
  const [row] = await sql<SigningSecretRow>`
    select sealed_signing_secret as "sealedSigningSecret",
           case when previous_secret_expires_at > now() then previous_secret_expires_at end
             as "previousExpiresAt"
    from subscriptions
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
      and deleted_at is null`;
  return row;
}

/** Locks the signing secret of a subscription for its rotation. */
export async function lockSigningSecret(
  tx: Tx,
  owner: SubscriptionOwner,
  id: string,
): Promise<Buffer | undefined> {
  const [row] = await tx<{ sealed: Buffer }>`
    select sealed_signing_secret as sealed from subscriptions
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
      and deleted_at is null
    for no key update`;
  return row?.sealed;
}

/** Stores a new signing secret; the old one stays valid for 24 hours. Returns when it ends. */
export async function rotateSigningSecret(
  tx: Tx,
  owner: SubscriptionOwner,
  id: string,
  sealed: { current: Buffer; previous: Buffer; actor: string },
): Promise<Date> {
  const [row] = await tx<{ expiresAt: Date }>`
    update subscriptions
    set sealed_signing_secret = ${sealed.current}, sealed_previous_secret = ${sealed.previous},
        previous_secret_expires_at = now() + interval '24 hours',
        updated_at = now(), updated_by = ${sealed.actor}
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
    returning previous_secret_expires_at as "expiresAt"`;
  if (!row) throw new Error("the locked subscription is gone");
  return row.expiresAt;
}
