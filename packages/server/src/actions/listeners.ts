import { findAssistant } from "../db/assistants.ts";
import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { failPendingDeliveries } from "../db/interventions.ts";
import {
  countListeners,
  deleteListener,
  findEndpointToCopy,
  insertListener,
  type ListenerKey,
  lockEndedListener,
} from "../db/listeners.ts";
import { notifyListener, notifySubscriptionChanged } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import { lockTeamsForCounting } from "../db/quotas.ts";
import { findSigningSecret } from "../db/signing-secrets.ts";
import { deleteSubscription } from "../db/subscriptions.ts";
import type { Tx } from "../db/transaction.ts";
import { assistantMessages } from "../domain/contracts/assistant-messages.ts";
import { operationalWebhooks } from "../domain/contracts/operational-webhooks.ts";
import { workflowWebhooks } from "../domain/contracts/workflow-webhooks.ts";
import {
  listenableTypesOf,
  listenerContract,
  listenerPolicy,
  listenersMax,
  listenerUrl,
} from "../domain/listeners.ts";
import type { OnEnded } from "../domain/tally.ts";
import { AppError } from "../errors.ts";
import type { Keyring } from "../secrets.ts";
import { newSigningSecret, signingSecretContext } from "./signing-secret.ts";

/** The events of a listener: all that a contract has for the team, an assistant's messages, or those that an endpoint gets. */
export type ListenerWish = { contract: string } | { assistantId: string } | { endpointId: string };

/** A listener to create; `eventTypes` null: all of the contract. */
export type ListenerDraft = ListenerKey & {
  wish: ListenerWish;
  eventTypes: readonly string[] | null;
  actor: string;
};

/** The source of a listener's events, as its endpoint stores it. */
type Heard = { tells: string; subjectId: string | null; copyOf: string | null };

const withBearerToken: readonly string[] = [workflowWebhooks.name, operationalWebhooks.name];

/**
 * Creates a listener with its own endpoint and signing secret, and returns the secret; the same id again returns the
 * existing one's.
 *
 * The secret is also the contract's own credential, so that a receiver's code can check it as in production.
 */
export async function openListener(
  { database, keyring, audit }: { database: Database; keyring: Keyring } & Audited,
  { teamId, id, wish, eventTypes, actor }: ListenerDraft,
): Promise<{ secret: string }> {
  return await database.begin(async (tx) => {
    const heard = await findHeard(tx, teamId, wish);
    const known = listenableTypesOf(heard.tells) ?? [];
    requireKnown(eventTypes, known, heard.tells);
    const secret = newSigningSecret();
    const credentialContext = {
      ...signingSecretContextOf(teamId, id),
      column: "sealed_credential",
    };
    const made = await insertListener(tx, {
      ...{ teamId, id, actor, ...heard, ...listenerPolicy },
      name: "Listener",
      url: listenerUrl(id),
      eventTypes: eventTypes ?? known,
      // In these contracts the credential would be a bearer token, which nobody asked for.
      sealedCredential: withBearerToken.includes(heard.tells)
        ? null
        : keyring.seal(secret, credentialContext),
      sealedSigningSecret: keyring.seal(secret, signingSecretContextOf(teamId, id)),
    });
    if (!made) return await readSecret(tx, keyring, { teamId, id });
    await keepLimit(tx, teamId);
    await insertAuditEntry(tx, audit, id);
    await notifySubscriptionChanged(tx, id);
    return { secret };
  });
}

/** Ends a listener: its endpoint is deleted, and its pending deliveries end. */
export async function closeListener(
  { database, audit, onEnded }: { database: Database; onEnded?: OnEnded } & Audited,
  key: ListenerKey & { actor: string },
): Promise<void> {
  const count = await database.begin(async (tx) => {
    const ended = await endListener(tx, key);
    if (ended === undefined) throw new AppError("not_found");
    await insertAuditEntry(tx, audit, key.id);
    return ended;
  });
  onEnded?.({ contract: listenerContract, errorCode: "subscription_deleted", count });
}

/** Ends a listener whose stream has been closed for too long, unless it was opened again; says whether it ended. */
export async function endSilentListener(
  database: Database,
  key: ListenerKey,
  onEnded?: OnEnded,
): Promise<boolean> {
  const count = await database.begin(async (tx) => {
    if (!(await lockEndedListener(tx, key))) return undefined;
    return await endListener(tx, { ...key, actor: "system" });
  });
  if (count === undefined) return false;
  onEnded?.({ contract: listenerContract, errorCode: "subscription_deleted", count });
  return true;
}

/** Ends a listener; returns how many deliveries ended with it, or undefined if there is no such listener. */
async function endListener(
  tx: Tx,
  { teamId, id, actor }: ListenerKey & { actor: string },
): Promise<number | undefined> {
  if (!(await deleteListener(tx, { teamId, id }))) return undefined;
  await deleteSubscription(tx, { teamId, contract: listenerContract }, id, actor);
  const ended = await failPendingDeliveries(tx, teamId, id, actor);
  await notifySubscriptionChanged(tx, id);
  await notifyListener(tx, id);
  return ended;
}

async function findHeard(tx: Tx, teamId: string, wish: ListenerWish): Promise<Heard> {
  if ("contract" in wish) return { tells: wish.contract, subjectId: null, copyOf: null };
  if ("assistantId" in wish) {
    const { assistantId: id } = wish;
    if (!(await findAssistant(tx, teamId, id))) {
      throw refused("assistant_id", "names no assistant of the team");
    }
    return { tells: assistantMessages.name, subjectId: id, copyOf: null };
  }
  const { endpointId: id } = wish;
  const endpoint = await findEndpointToCopy(tx, { teamId, id });
  if (!endpoint) throw refused("endpoint_id", "names no endpoint of the team");
  const { contract, subjectId } = endpoint;
  if (contract === operationalWebhooks.name) {
    const msg = "names an operational webhook, which has no copies; use the contract operational";
    throw refused("endpoint_id", msg);
  }
  return { tells: contract, subjectId, copyOf: id };
}

function requireKnown(
  eventTypes: readonly string[] | null,
  known: readonly string[],
  contract: string,
): void {
  const unknown = eventTypes?.findIndex((type) => !known.includes(type)) ?? -1;
  if (unknown < 0) return;
  throw refused("event_types", `must be event types of the contract ${contract}`, unknown);
}

function refused(member: string, msg: string, ...place: number[]): AppError {
  return new AppError("invalid_request", `\`${member}\` ${msg}.`, [
    { loc: ["body", member, ...place], msg, type: "choice" },
  ]);
}

async function keepLimit(tx: Tx, teamId: string): Promise<void> {
  await lockTeamsForCounting(tx, [teamId]);
  if ((await countListeners(tx, teamId)) <= listenersMax) return;
  const detail = `A team may have ${listenersMax} listeners at once; one that is left ends after a minute.`;
  throw new AppError("quota_exceeded", detail);
}

async function readSecret(
  tx: Tx,
  keyring: Keyring,
  { teamId, id }: ListenerKey,
): Promise<{ secret: string }> {
  const row = await findSigningSecret(tx, { teamId, contract: listenerContract }, id);
  if (!row) throw new AppError("not_found");
  return { secret: keyring.open(row.sealedSigningSecret, signingSecretContextOf(teamId, id)) };
}

const signingSecretContextOf = (teamId: string, id: string) =>
  signingSecretContext({ teamId, contract: listenerContract }, id);
