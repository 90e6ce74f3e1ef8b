import {
  type AssistantServer,
  deleteAssistant,
  findAssistant,
  insertAssistant,
  lockAssistant,
  type ServedAssistant,
  updateAssistant,
} from "../db/assistants.ts";
import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { failPendingDeliveries } from "../db/interventions.ts";
import { notifyDue, notifySubscriptionChanged } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import type { Sql } from "../db/sql.ts";
import { deleteSubscription } from "../db/subscriptions.ts";
import { assistantDocumentBytesMax } from "../domain/call-bytes.ts";
import { assistantMessages } from "../domain/contracts/assistant-messages.ts";
import { type JsonText, joinObject, jsonMembers } from "../domain/json-text.ts";
import type { Assistant } from "../domain/lifecycle/call.ts";
import type { OnEnded } from "../domain/tally.ts";
import { AppError, type FieldError } from "../errors.ts";
import type { Keyring } from "../secrets.ts";
import { keepQuota, type Quotas } from "./quotas.ts";
import { newSigningSecret, signingSecretContext } from "./signing-secret.ts";

export type AssistantDeps = { database: Database; keyring: Keyring };

/** Changes of a server by a request. Secrets are plain, null removes a value, an absent field stays as it is. */
export type AssistantServerPatch = {
  enabled?: boolean;
  url?: string | null;
  timeoutSeconds?: number;
  secret?: string | null;
  headers?: Readonly<Record<string, string>> | null;
  messages?: readonly string[];
};

/** Changes of an assistant by a request; an absent field stays as it is. */
export type AssistantPatch = {
  name?: string;
  hangTimeoutSeconds?: number;
  endReportWaitSeconds?: number;
  server?: AssistantServerPatch;
  /** Every other member as it was given; each replaces the member with the same name. */
  members: ReadonlyMap<string, JsonText>;
};

type Whose = { teamId: string; id: string; actor: string };

const hangTimeoutSecondsDefault = 5;

const noServer: AssistantServer = {
  enabled: false,
  disabledReason: null,
  url: "",
  timeoutSeconds: 20,
  messages: [],
  headerNames: [],
  sealedSecret: null,
  sealedHeaders: null,
};

/** Creates an assistant; the same id again returns the existing assistant. */
export async function createAssistant(
  { database, keyring, config, audit }: AssistantDeps & Audited & { config: { quotas: Quotas } },
  { teamId, id, actor }: Whose,
  { name, ...given }: AssistantPatch & { name: string },
): Promise<ServedAssistant> {
  const owner = { teamId, contract: assistantMessages.name };
  return await database.begin(async (tx) => {
    const added = await insertAssistant(tx, {
      teamId,
      id,
      name,
      hangTimeoutSeconds: given.hangTimeoutSeconds ?? hangTimeoutSecondsDefault,
      endReportWaitSeconds: given.endReportWaitSeconds ?? 0,
      document: mergeDocument(joinObject([]), given.members),
      server: mergeServer(keyring, { teamId, id }, noServer, given.server ?? {}),
      sealedSigningSecret: keyring.seal(newSigningSecret(), signingSecretContext(owner, id)),
      actor,
    });
    if (added) {
      await keepQuota(tx, config.quotas, "assistants", [teamId]);
      await insertAuditEntry(tx, audit, id);
    }
    return await getAssistant(tx, teamId, id);
  });
}

/** Finds an assistant with its server or throws `not_found`. */
export async function getAssistant(sql: Sql, teamId: string, id: string): Promise<ServedAssistant> {
  const found = await findAssistant(sql, teamId, id);
  if (!found) throw new AppError("not_found");
  return found;
}

/** Changes an assistant; the new server is used from the next attempt on. */
export async function changeAssistant(
  { database, keyring, audit }: AssistantDeps & Audited,
  { teamId, id, actor }: Whose,
  given: AssistantPatch,
): Promise<ServedAssistant> {
  return await database.begin(async (tx) => {
    const before = await lockAssistant(tx, teamId, id);
    if (!before) throw new AppError("not_found");
    const assistant: Assistant = {
      ...before.assistant,
      name: given.name ?? before.assistant.name,
      hangTimeoutSeconds: given.hangTimeoutSeconds ?? before.assistant.hangTimeoutSeconds,
      endReportWaitSeconds: given.endReportWaitSeconds ?? before.assistant.endReportWaitSeconds,
      document: mergeDocument(before.assistant.document, given.members),
    };
    const server = mergeServer(keyring, { teamId, id }, before.server, given.server ?? {});
    await updateAssistant(tx, { assistant, server }, actor);
    await insertAuditEntry(tx, audit, id);
    await notifySubscriptionChanged(tx, id);
    if (given.server?.enabled) await notifyDue(tx, id);
    return await getAssistant(tx, teamId, id);
  });
}

/** Deletes an assistant and ends its pending messages; its running calls send no more messages. */
export async function endAssistant(
  { database, audit, onEnded }: Pick<AssistantDeps, "database"> & Audited & { onEnded?: OnEnded },
  { teamId, id, actor }: Whose,
): Promise<void> {
  const { name: contract } = assistantMessages;
  const count = await database.begin(async (tx) => {
    if (!(await deleteAssistant(tx, teamId, id, actor))) throw new AppError("not_found");
    await deleteSubscription(tx, { teamId, contract }, id, actor);
    const ended = await failPendingDeliveries(tx, teamId, id, actor);
    await insertAuditEntry(tx, audit, id);
    await notifySubscriptionChanged(tx, id);
    return ended;
  });
  onEnded?.({ contract, errorCode: "subscription_deleted", count });
}

function mergeDocument(before: JsonText, members: ReadonlyMap<string, JsonText>): JsonText {
  const document = joinObject([...jsonMembers(before), ...members]);
  if (Buffer.byteLength(document) > assistantDocumentBytesMax) {
    const msg = `the assistant's own members may have ${assistantDocumentBytesMax} bytes together`;
    throw refused([], msg, "max_length");
  }
  return document;
}

function mergeServer(
  keyring: Keyring,
  { teamId, id }: Pick<Whose, "teamId" | "id">,
  before: AssistantServer,
  given: AssistantServerPatch,
): AssistantServer {
  const seal = (plain: string, column: string) =>
    keyring.seal(plain, { table: "subscriptions", column, teamId, rowId: id });
  const { secret, headers } = given;
  const enabled = given.enabled ?? before.enabled;
  const url = given.url === undefined ? before.url : (given.url ?? "");
  const byHand = given.enabled === undefined ? (before.disabledReason ?? "manual") : "manual";
  const server: AssistantServer = {
    enabled,
    disabledReason: enabled || url === "" ? null : byHand,
    url,
    timeoutSeconds: given.timeoutSeconds ?? before.timeoutSeconds,
    messages: [...(given.messages ?? before.messages)],
    sealedSecret:
      secret === undefined
        ? before.sealedSecret
        : secret === null
          ? null
          : seal(secret, "sealed_credential"),
    sealedHeaders:
      headers === undefined
        ? before.sealedHeaders
        : headers && seal(JSON.stringify(headers), "sealed_headers"),
    headerNames: headers === undefined ? before.headerNames : Object.keys(headers ?? {}),
  };
  if (server.enabled && server.url === "") {
    throw refused(["url"], "is required while the server is enabled", "missing");
  }
  if (server.enabled && server.messages.length === 0) {
    throw refused(["messages"], "must name a message while the server is enabled", "missing");
  }
  return server;
}

function refused(path: string[], msg: string, type: string): AppError {
  const loc = path.length === 0 ? ["body"] : ["body", "assistantServer", ...path];
  const errors: FieldError[] = [{ loc, msg, type }];
  const subject = path.length === 0 ? "" : `${loc.slice(1).join(".")} `;
  return new AppError("invalid_request", `${subject}${msg}.`, errors);
}
