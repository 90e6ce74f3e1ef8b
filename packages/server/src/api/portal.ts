import type { FastifyRequest } from "fastify";
import type { DeliverySearch } from "../db/delivery-sought.ts";
import type { PortalGrant } from "../db/portal-links.ts";
import { reportedContracts } from "../domain/contracts/all-contracts.ts";
import { AppError } from "../errors.ts";
import type { Caller } from "./request.ts";

/**
 * How an operation is limited to the endpoints of a portal link:
 *
 *   path     the named parameter of its path is an endpoint, and is compared here
 *   handler  it uses `caller.endpointIds`, with `keptTo`, `withinEndpoints` or `mayReach`
 *   nothing  it shows nothing of any endpoint
 *   team     it is not limited, and is allowed only for links to all endpoints of a team
 */
type Keeping = { path: string } | "handler" | "nothing" | "team";

const workflowWebhook: Keeping = { path: "webhook_id" };
const webhook: Keeping = { path: "subscription_id" };
const endpoint: Keeping = { path: "endpoint_id" };

/** All operations that a portal session may call, if its scopes allow it. */
const portalOperations: Readonly<Record<string, Keeping>> = {
  getMe: "nothing",
  getSession: "nothing",
  endSession: "nothing",
  listEventTypes: "nothing",
  listEndpoints: "handler",
  getEndpoint: endpoint,
  enableEndpoint: endpoint,
  disableEndpoint: endpoint,
  listDeliveries: "handler",
  getDelivery: "handler",
  retryDelivery: "handler",
  streamDeliveries: "handler",
  getStats: "handler",
  startReplay: "handler",
  listReplays: "handler",
  getReplay: "handler",
  cancelReplay: "handler",
  listWorkflowWebhooks: "team",
  createWorkflowWebhook: "team",
  getWorkflowWebhook: workflowWebhook,
  updateWorkflowWebhook: workflowWebhook,
  deleteWorkflowWebhook: workflowWebhook,
  testWorkflowWebhook: workflowWebhook,
  getWorkflowWebhookSigningSecret: workflowWebhook,
  rotateWorkflowWebhookSigningSecret: workflowWebhook,
  listWebhooks: "team",
  createWebhook: "team",
  getWebhook: webhook,
  updateWebhook: webhook,
  deleteWebhook: webhook,
  testWebhook: webhook,
  getWebhookSigningSecret: webhook,
  rotateWebhookSigningSecret: webhook,
};

/** Refuses operations that a portal session may not call, before anything is read. */
export function keepToPortal(
  { routeOptions, params }: Pick<FastifyRequest, "routeOptions" | "params">,
  { endpointIds }: Pick<PortalGrant, "endpointIds">,
): void {
  const name = routeOptions.schema?.operationId ?? "";
  const keeping = Object.hasOwn(portalOperations, name) ? portalOperations[name] : undefined;
  if (keeping === undefined || (keeping === "team" && endpointIds !== null)) {
    throw new AppError("scope_missing", "A portal session may not do this.");
  }
  if (typeof keeping === "string" || endpointIds === null) return;
  const asked = (params as Record<string, string>)[keeping.path];
  if (asked === undefined || !endpointIds.includes(asked)) throw new AppError("not_found");
}

/** Limits a search to what the caller may reach. */
export const keptTo = (
  caller: Pick<Caller, "endpointIds" | "portal">,
  search: DeliverySearch,
): DeliverySearch => ({
  ...search,
  contracts: withinContracts(caller, search.contracts),
  subscriptionIds: withinEndpoints(caller, search.subscriptionIds),
});

/** The requested contracts that the caller may see: the portal does not see operational webhooks. */
export function withinContracts(
  { portal }: Pick<Caller, "portal">,
  asked: readonly string[] | null,
): string[] | null {
  if (!portal) return asked && [...asked];
  return reportedContracts.filter((name) => asked?.includes(name) ?? true);
}

/** Whether the caller may see anything of an endpoint of this contract. */
export const maySee = (caller: Pick<Caller, "portal">, contract: string): boolean =>
  withinContracts(caller, [contract])?.length !== 0;

/** The requested endpoints that the caller may reach; null means all. */
export function withinEndpoints(
  { endpointIds }: Pick<Caller, "endpointIds">,
  asked: readonly string[] | null,
): string[] | null {
  if (endpointIds === undefined) return asked && [...asked];
  return endpointIds.filter((id) => asked?.includes(id) ?? true);
}

/** Whether the caller may reach all of these endpoints; null means all of the team. */
export const mayReach = (
  { endpointIds }: Pick<Caller, "endpointIds">,
  ids: readonly string[] | null,
): boolean =>
  endpointIds === undefined ||
  (ids !== null && ids.length > 0 && ids.every((id) => endpointIds.includes(id)));
