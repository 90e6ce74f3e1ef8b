import type { Audited } from "../db/audit.ts";
import { type Endpoint, findEndpoint } from "../db/endpoints.ts";
import type { Sql } from "../db/sql.ts";
import { assistantMessages } from "../domain/contracts/assistant-messages.ts";
import { AppError } from "../errors.ts";
import { type AssistantDeps, changeAssistant } from "./assistants.ts";
import { changeSubscription, type SubscriptionDeps } from "./subscriptions.ts";

/** Finds an endpoint of any contract or throws `not_found`. */
export async function getEndpoint(sql: Sql, teamId: string, id: string): Promise<Endpoint> {
  const endpoint = await findEndpoint(sql, teamId, id);
  if (!endpoint) throw new AppError("not_found");
  return endpoint;
}

/** Which endpoint to enable or disable, and who asks. */
export type EndpointSwitch = { teamId: string; id: string; actor: string; enabled: boolean };

const unchanged = {
  name: null,
  url: null,
  eventTypes: null,
  timeoutSeconds: null,
  maxRetries: null,
  backoffSeconds: null,
  credential: null,
  clearCredential: false,
};

/**
 * Enables or disables an endpoint as its contract's own route does. Waiting deliveries are kept and continue when it is enabled.
 *
 * An endpoint without event types is refused with `endpoint_incomplete`.
 */
export async function switchEndpoint(
  deps: SubscriptionDeps & AssistantDeps & Audited,
  { teamId, id, actor, enabled }: EndpointSwitch,
): Promise<Endpoint> {
  const { sql } = deps.database;
  const { contract, eventTypes } = await getEndpoint(sql, teamId, id);
  if (enabled && eventTypes.length === 0) throw new AppError("endpoint_incomplete");
  if (contract === assistantMessages.name) {
    await changeAssistant(deps, { teamId, id, actor }, { server: { enabled }, members: new Map() });
  } else {
    await changeSubscription(deps, { teamId, contract }, id, { ...unchanged, enabled, actor });
  }
  return await getEndpoint(sql, teamId, id);
}
