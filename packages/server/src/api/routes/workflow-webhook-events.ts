import type { FastifyInstance } from "fastify";
import { workflowWebhooks } from "../../domain/contracts/workflow-webhooks.ts";
import type { ApiDeps } from "../deps.ts";
import { webhookEventRoutes } from "../webhook-event-routes.ts";

/** Contract A's history. */
export function workflowWebhookEventRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  webhookEventRoutes(fastify, deps, {
    contract: workflowWebhooks,
    path: "/workflows/v1/workflow-webhooks/events",
    idName: "event_id",
    resource: "WorkflowWebhook",
    tag: "Workflow webhook events",
    scopes: { read: "read", write: "write" },
  });
}
