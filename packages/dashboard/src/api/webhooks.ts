import type {
  Endpoint,
  OperationalWebhook,
  OperationalWebhookCreate,
  OperationalWebhookUpdate,
  Webhook,
  WebhookCreate,
  WebhookUpdate,
  WorkflowWebhook,
  WorkflowWebhookCreate,
  WorkflowWebhookUpdate,
} from "@postrider/sdk";
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The contracts whose webhooks a team creates itself. */
export type OwnContract = "workflow" | "organisation" | "operational";

/** The contract, if its webhooks have a form; undefined for an assistant's server and a listener. */
export const ownContractOf = (contract: Endpoint["contract"]): OwnContract | undefined =>
  contract === "assistant" || contract === "listener" ? undefined : contract;

/** The API types of create, change and read, by contract. */
export type Webhooks = {
  workflow: { create: WorkflowWebhookCreate; update: WorkflowWebhookUpdate; one: WorkflowWebhook };
  operational: {
    create: OperationalWebhookCreate;
    update: OperationalWebhookUpdate;
    one: OperationalWebhook;
  };
  organisation: { create: WebhookCreate; update: WebhookUpdate; one: Webhook };
};

const paths: Readonly<Record<OwnContract, string>> = {
  workflow: "/workflows/v1/workflow-webhooks",
  organisation: "/webhooks",
  operational: "/v1/operational-webhooks",
};

const pathOf = (contract: OwnContract, id: string): string =>
  `${paths[contract]}/${encodeURIComponent(id)}`;

/** A webhook in its contract's form. */
export const webhookQuery = <C extends OwnContract>(contract: C, id: string) =>
  queryOptions({
    queryKey: ["webhook", contract, id],
    queryFn: ({ signal }) => ask<Webhooks[C]["one"]>("GET", pathOf(contract, id), { signal }),
  });

/** Creates a webhook. */
export const createWebhook = <C extends OwnContract>(
  contract: C,
  body: Webhooks[C]["create"],
): Promise<Webhooks[C]["one"]> => ask("POST", paths[contract], { body });

/** Changes a webhook; omitted members stay as they are. */
export const updateWebhook = <C extends OwnContract>(
  contract: C,
  id: string,
  body: Webhooks[C]["update"],
): Promise<Webhooks[C]["one"]> => ask("PATCH", pathOf(contract, id), { body });

/** Deletes a webhook; its waiting deliveries end as failed. */
export const deleteWebhook = (contract: OwnContract, id: string): Promise<void> =>
  ask("DELETE", pathOf(contract, id));

/** Sends a sample event; `action` chooses its type if the contract allows that. */
export const testWebhook = (
  contract: OwnContract,
  id: string,
  action?: string,
): Promise<{ event_id: string }> =>
  ask("POST", `${pathOf(contract, id)}/test`, {
    body: contract === "organisation" ? undefined : { action },
  });
