import { randomBytes } from "node:crypto";
import { encodeSecret } from "@postrider/sdk/sign";
import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { notifySubscriptionChanged } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import {
  findSigningSecret,
  lockSigningSecret,
  rotateSigningSecret,
} from "../db/signing-secrets.ts";
import type { SubscriptionOwner } from "../db/subscriptions.ts";
import { AppError } from "../errors.ts";
import { reach } from "../fault-points.ts";
import type { Keyring, SealContext } from "../secrets.ts";

/** A `whsec_…` secret, and until when the previous secret signs too (null: it does not). */
export type SigningSecret = { secret: string; previousExpiresAt: Date | null };

type SecretDeps = { database: Database; keyring: Keyring } & Audited;

/** Makes a signing secret of 32 random bytes. */
export const newSigningSecret = (): string => encodeSecret(randomBytes(32));

/** Reads a subscription's signing secret and writes an entry to the audit log, or throws `not_found`. */
export async function getSigningSecret(
  { database, keyring, audit }: SecretDeps,
  owner: SubscriptionOwner,
  id: string,
): Promise<SigningSecret> {
  return await database.begin(async (tx) => {
    const row = await findSigningSecret(tx, owner, id);
    if (!row) throw new AppError("not_found");
    await insertAuditEntry(tx, audit, id);
    return {
      secret: keyring.open(row.sealedSigningSecret, signingSecretContext(owner, id)),
      previousExpiresAt: row.previousExpiresAt,
    };
  });
}

/** Gives a subscription a new signing secret; requests carry both signatures for 24 hours. */
export async function replaceSigningSecret(
  { database, keyring, audit }: SecretDeps,
  owner: SubscriptionOwner,
  id: string,
  actor: string,
): Promise<SigningSecret> {
  const replaced = await database.begin(async (tx) => {
    const sealed = await lockSigningSecret(tx, owner, id);
    if (!sealed) throw new AppError("not_found");
    const secret = newSigningSecret();
    const previousExpiresAt = await rotateSigningSecret(tx, owner, id, {
      current: keyring.seal(secret, signingSecretContext(owner, id)),
      // A seal is bound to its column: a value that moves to another column must be opened and sealed again.
      previous: keyring.seal(
        keyring.open(sealed, signingSecretContext(owner, id)),
        previousSecretContext(owner, id),
      ),
      actor,
    });
    await insertAuditEntry(tx, audit, id);
    await notifySubscriptionChanged(tx, id);
    reach("secret_before_commit");
    return { secret, previousExpiresAt };
  });
  reach("secret_after_commit");
  return replaced;
}

/** The seal context of a subscription's current signing secret. */
export const signingSecretContext = (
  { teamId }: SubscriptionOwner,
  rowId: string,
): SealContext => ({
  table: "subscriptions",
  column: "sealed_signing_secret",
  teamId,
  rowId,
});

const previousSecretContext = (owner: SubscriptionOwner, rowId: string): SealContext => ({
  ...signingSecretContext(owner, rowId),
  column: "sealed_previous_secret",
});
