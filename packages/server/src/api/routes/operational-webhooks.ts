import type { FastifyInstance } from "fastify";
import { operationalWebhooks } from "../../domain/contracts/operational-webhooks.ts";
import type { OperationalEventType } from "../../domain/lifecycle/operational.ts";
import type { ApiDeps } from "../deps.ts";
import { webhookRoutes } from "../webhook-routes.ts";

/** Operational webhooks, in the form of contract A's webhooks. */
export function operationalWebhookRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  webhookRoutes(fastify, deps, {
    contract: operationalWebhooks,
    path: "/v1/operational-webhooks",
    idName: "operational_webhook_id",
    resource: "OperationalWebhook",
    noun: "operational_webhook",
    title: "an operational webhook",
    tag: "Operational webhooks",
    scopes: { read: "admin", write: "admin" },
    sampleAction: "endpoint.failing" satisfies OperationalEventType,
    hearsOfAllTeams: true,
  });
}
