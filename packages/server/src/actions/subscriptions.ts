import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { resumeProbes } from "../db/breakers.ts";
import { failPendingDeliveries } from "../db/interventions.ts";
import { notifyDue, notifySubscriptionChanged } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import {
  deleteSubscription,
  findSubscription,
  insertSubscription,
  type NewSubscription,
  type SealedHeaders,
  type Subscription,
  type SubscriptionChanges,
  type SubscriptionOwner,
  updateSubscription,
} from "../db/subscriptions.ts";
import { tokenHeader, workflowWebhooks } from "../domain/contracts/workflow-webhooks.ts";
import type { OnEnded } from "../domain/tally.ts";
import { AppError } from "../errors.ts";
import type { Keyring } from "../secrets.ts";
import { keepQuota, type Quotas } from "./quotas.ts";
import { newSigningSecret, signingSecretContext } from "./signing-secret.ts";

export type SubscriptionDeps = { database: Database; keyring: Keyring };

/** What creation needs besides. */
export type CreateDeps = SubscriptionDeps & { config: { quotas: Quotas } };

/** Custom headers by name, plain. */
export type PlainHeaders = Readonly<Record<string, string>>;

/** A subscription as its owner describes it; the credential and the headers are plain. */
export type SubscriptionDraft = Omit<
  NewSubscription,
  "sealedCredential" | "sealedHeaders" | "sealedSigningSecret"
> & {
  credential: string | null;
  /** Undefined: no custom headers. */
  headers?: PlainHeaders;
  /** A valid `whsec_…` that the receiver knows; undefined or null: a new secret is generated. */
  signingSecret?: string | null;
};

/** Creates a subscription with a new or a given signing secret; the same id again returns the existing subscription. */
export async function createSubscription(
  { database, keyring, config, audit }: CreateDeps & Audited,
  owner: SubscriptionOwner,
  { credential, headers = {}, signingSecret, ...draft }: SubscriptionDraft,
): Promise<Subscription> {
  return await database.begin(async (tx) => {
    const created = await insertSubscription(tx, owner, {
      ...draft,
      sealedCredential: sealCredential(keyring, owner, draft.id, credential),
      sealedHeaders: sealHeaders(keyring, owner, draft.id, headers),
      sealedSigningSecret: keyring.seal(
        signingSecret ?? newSigningSecret(),
        signingSecretContext(owner, draft.id),
      ),
    });
    if (!created) return await getSubscription(tx, owner, draft.id);
    refuseTwoTokens(owner, created, "headers");
    await keepQuota(tx, config.quotas, "webhooks", [owner.teamId]);
    await insertAuditEntry(tx, audit, draft.id);
    await notifySubscriptionChanged(tx, draft.id);
    return created;
  });
}

/** Finds a subscription or throws `not_found`. */
export async function getSubscription(
  ...where: Parameters<typeof findSubscription>
): Promise<Subscription> {
  const subscription = await findSubscription(...where);
  if (!subscription) throw new AppError("not_found");
  return subscription;
}

/** The changes of a PATCH, with the credential and headers plain; null leaves a field as it is. */
export type SubscriptionPatch = Omit<SubscriptionChanges, "sealedCredential" | "sealedHeaders"> & {
  credential: string | null;
  /** All custom headers anew; empty: removes them; null leaves them. */
  headers?: PlainHeaders | null;
  actor: string;
};

/** Changes a subscription from its next attempt on. When it is enabled again, its waiting deliveries continue at once. */
export async function changeSubscription(
  { database, keyring, audit }: SubscriptionDeps & Audited,
  owner: SubscriptionOwner,
  id: string,
  { credential, headers = null, ...changes }: SubscriptionPatch,
): Promise<Subscription> {
  return await database.begin(async (tx) => {
    if (changes.enabled) await resumeProbes(tx, owner.teamId, id);
    const changed = await updateSubscription(tx, owner, id, {
      ...changes,
      sealedCredential: sealCredential(keyring, owner, id, credential),
      sealedHeaders: headers && sealHeaders(keyring, owner, id, headers),
    });
    if (!changed) throw new AppError("not_found");
    refuseTwoTokens(owner, changed, headers ? "headers" : "bearer_token");
    await insertAuditEntry(tx, audit, id);
    await notifySubscriptionChanged(tx, id);
    if (changes.enabled) await notifyDue(tx, id);
    return changed;
  });
}

/** Deletes a subscription and ends its pending deliveries. */
export async function endSubscription(
  {
    database,
    audit,
    onEnded,
  }: Pick<SubscriptionDeps, "database"> & Audited & { onEnded?: OnEnded },
  owner: SubscriptionOwner,
  id: string,
  actor: string,
): Promise<void> {
  const count = await database.begin(async (tx) => {
    if (!(await deleteSubscription(tx, owner, id, actor))) throw new AppError("not_found");
    const ended = await failPendingDeliveries(tx, owner.teamId, id, actor);
    await insertAuditEntry(tx, audit, id);
    await notifySubscriptionChanged(tx, id);
    return ended;
  });
  onEnded?.({ contract: owner.contract, errorCode: "subscription_deleted", count });
}

/** Refuses a second `Authorization`: contract A's bearer token and a custom header cannot both set it. */
function refuseTwoTokens(
  owner: SubscriptionOwner,
  { hasCredential, headerNames }: Subscription,
  member: "headers" | "bearer_token",
): void {
  if (owner.contract !== workflowWebhooks.name || !hasCredential) return;
  const name = headerNames.find((one) => one.toLowerCase() === tokenHeader);
  if (name === undefined) return;
  throw new AppError(
    "invalid_request",
    "Use either a bearer token or a header Authorization, not both.",
    [
      {
        loc: member === "headers" ? ["body", "headers", name] : ["body", "bearer_token"],
        msg: "cannot be set beside the other: both are the header Authorization",
        type: "conflict",
      },
    ],
  );
}

function sealCredential(
  keyring: Keyring,
  { teamId }: SubscriptionOwner,
  id: string,
  credential: string | null,
): Buffer | null {
  const place = { table: "subscriptions", column: "sealed_credential", teamId, rowId: id };
  return credential === null ? null : keyring.seal(credential, place);
}

function sealHeaders(
  keyring: Keyring,
  { teamId }: SubscriptionOwner,
  id: string,
  headers: PlainHeaders,
): SealedHeaders {
  const names = Object.keys(headers);
  const place = { table: "subscriptions", column: "sealed_headers", teamId, rowId: id };
  const sealed = names.length === 0 ? null : keyring.seal(JSON.stringify(headers), place);
  return { sealed, names };
}
