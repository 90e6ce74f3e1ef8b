import type { FastifyInstance } from "fastify";
import { type WorkflowAction, workflowWebhooks } from "../../domain/contracts/workflow-webhooks.ts";
import type { ApiDeps } from "../deps.ts";
import { webhookRoutes } from "../webhook-routes.ts";

/** Contract A's subscriptions. */
export function workflowWebhookRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  webhookRoutes(fastify, deps, {
    contract: workflowWebhooks,
    path: "/workflows/v1/workflow-webhooks",
    idName: "webhook_id",
    resource: "WorkflowWebhook",
    noun: "workflow_webhook",
    title: "a workflow webhook",
    tag: "Workflow webhooks",
    scopes: { read: "read", write: "write" },
    sampleAction: "workflow_run_completed" satisfies WorkflowAction,
  });
}
