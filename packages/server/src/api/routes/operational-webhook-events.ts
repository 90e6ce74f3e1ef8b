import type { FastifyInstance } from "fastify";
import { operationalWebhooks } from "../../domain/contracts/operational-webhooks.ts";
import type { ApiDeps } from "../deps.ts";
import { webhookEventRoutes } from "../webhook-event-routes.ts";

/** The history of operational webhooks, in the form of contract A's history. */
export function operationalWebhookEventRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  webhookEventRoutes(fastify, deps, {
    contract: operationalWebhooks,
    path: "/v1/operational-webhooks/events",
    idName: "operational_event_id",
    resource: "OperationalWebhook",
    tag: "Operational webhooks",
    scopes: { read: "admin", write: "admin" },
  });
}
