// Contract A speaks of webhooks and actions; here they become subscriptions and event types.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { sendSample } from "../../actions/send-sample.ts";
import {
  changeSubscription,
  createSubscription,
  endSubscription,
  getSubscription,
} from "../../actions/subscriptions.ts";
import { listSubscriptions, type Subscription } from "../../db/subscriptions.ts";
import {
  type WorkflowAction,
  workflowActions,
  workflowWebhooks,
} from "../../domain/contracts/workflow-webhooks.ts";
import { publicEventId } from "../../ids.ts";
import type { ApiDeps } from "../deps.ts";
import { nameOf, nullable, PathId, Timestamp, textOf } from "../fields.ts";
import { askedByPage, pageIn, walkPageFields, walkQuery } from "../paging.ts";
import { ReceiverHeaders, ReceiverUrl, receiverHeaders, receiverUrl } from "../receiver.ts";
import { acting, type TypeBox } from "../request.ts";
import { signingSecretRoutes } from "../signing-secret-routes.ts";
import { invalidRequest } from "../validation.ts";

const Action = Type.Union(workflowActions.map((action) => Type.Literal(action)));
const Actions = Type.Array(Action, {
  minItems: 1,
  maxItems: workflowActions.length,
  uniqueItems: true,
});
/** It becomes a header: printable ASCII without blanks (RFC 6750 allows no more). */
const BearerToken = Type.String({
  minLength: 1,
  maxLength: 2000,
  pattern: "^[\\x21-\\x7e]*$",
  title: "printable ASCII without blanks",
});
const TimeoutSeconds = Type.Integer({ minimum: 1, maximum: 60 });
const MaxRetries = Type.Integer({ minimum: 0, maximum: 10 });
const RetryBackoffSeconds = Type.Integer({ minimum: 1, maximum: 300 });

const CreateBody = Type.Object(
  {
    name: nameOf(150),
    url: ReceiverUrl,
    actions: Actions,
    enabled: Type.Optional(Type.Boolean({ default: true })),
    bearer_token: Type.Optional(nullable(BearerToken)),
    timeout_seconds: Type.Optional(Type.Integer({ ...TimeoutSeconds, default: 10 })),
    max_retries: Type.Optional(Type.Integer({ ...MaxRetries, default: 3 })),
    retry_backoff_seconds: Type.Optional(Type.Integer({ ...RetryBackoffSeconds, default: 10 })),
    headers: Type.Optional(nullable(ReceiverHeaders)),
  },
  { additionalProperties: false, title: "WorkflowWebhookCreate" },
);

/** Null means "not given" everywhere. */
const UpdateBody = Type.Object(
  {
    name: Type.Optional(nullable(nameOf(150))),
    url: Type.Optional(nullable(ReceiverUrl)),
    actions: Type.Optional(nullable(Actions)),
    enabled: Type.Optional(nullable(Type.Boolean())),
    bearer_token: Type.Optional(nullable(BearerToken)),
    clear_bearer_token: Type.Optional(nullable(Type.Boolean({ default: false }))),
    timeout_seconds: Type.Optional(nullable(TimeoutSeconds)),
    max_retries: Type.Optional(nullable(MaxRetries)),
    retry_backoff_seconds: Type.Optional(nullable(RetryBackoffSeconds)),
    headers: Type.Optional(nullable(ReceiverHeaders)),
  },
  { additionalProperties: false, title: "WorkflowWebhookUpdate" },
);

const Webhook = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    url: Type.String(),
    actions: Type.Array(Type.String()),
    enabled: Type.Boolean(),
    disabled_reason: nullable(Type.Enum(["manual", "failing"])),
    has_bearer_token: Type.Boolean(),
    timeout_seconds: Type.Integer(),
    max_retries: Type.Integer(),
    retry_backoff_seconds: Type.Integer(),
    header_names: Type.Array(Type.String()),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: "WorkflowWebhook" },
);

const params = Type.Object({ webhook_id: PathId });
const tags = ["Workflow webhooks"];
const path = "/workflows/v1/workflow-webhooks";
const contract = workflowWebhooks.name;
const writeOnly =
  "The token and the values of `headers` are never shown again. A bearer token and a header `Authorization` exclude each other.";

/** Contract A's subscriptions: create, list, read, change, delete, try out, and their signing secrets. */
export function workflowWebhookRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "write" },
      schema: {
        operationId: "createWorkflowWebhook",
        summary: "Creates a workflow webhook",
        description: writeOnly,
        tags,
        body: CreateBody,
        response: { 201: Webhook },
      },
    },
    async (request, reply) => {
      const { body, caller } = request;
      const created = await createSubscription(
        acting(deps, request, "workflow_webhook.created"),
        { teamId: caller.teamId, contract },
        {
          id: request.newId(),
          name: body.name,
          url: receiverUrl(body.url, deps.config),
          eventTypes: body.actions,
          enabled: body.enabled ?? true,
          credential: body.bearer_token ?? null,
          headers: receiverHeaders(body.headers ?? {}, deps.config),
          timeoutSeconds: body.timeout_seconds ?? 10,
          maxRetries: body.max_retries ?? 3,
          backoffSeconds: body.retry_backoff_seconds ?? 10,
          actor: caller.actorId,
        },
      );
      return reply.code(201).send(toWebhook(created));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listWorkflowWebhooks",
        summary: "Lists workflow webhooks, newest first",
        tags,
        querystring: Type.Object(
          {
            ...walkQuery,
            search: Type.Optional(textOf(2048)),
            enabled: Type.Optional(Type.Boolean()),
            action: Type.Optional(Action),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ subscriptions: Type.Array(Webhook), ...walkPageFields }),
        },
      },
    },
    async ({ query, caller }) => {
      const filter = {
        search: query.search || null,
        enabled: query.enabled ?? null,
        eventType: query.action ?? null,
      };
      const list = { keyring: deps.keyring, caller, name: "workflow-webhooks", filter };
      const { page, told } = askedByPage(list, query);
      const owner = { teamId: caller.teamId, contract };
      const { rows, ...read } = await listSubscriptions(caller.database, owner, filter, page);
      return { subscriptions: rows.map(toWebhook), ...told(read), ...pageIn(query) };
    },
  );

  app.get(
    `${path}/:webhook_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getWorkflowWebhook",
        summary: "Gets a workflow webhook",
        tags,
        params,
        response: { 200: Webhook },
      },
    },
    async ({ params, caller }) =>
      toWebhook(
        await getSubscription(
          caller.database.sql,
          { teamId: caller.teamId, contract },
          params.webhook_id,
        ),
      ),
  );

  app.patch(
    `${path}/:webhook_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "updateWorkflowWebhook",
        summary: "Changes a workflow webhook from its next attempt on",
        description: `Null means "not given". \`headers\` replaces all of them, and \`{}\` takes them away. ${writeOnly}`,
        tags,
        params,
        body: UpdateBody,
        response: { 200: Webhook },
      },
    },
    async (request) => {
      const { params, body, caller } = request;
      const credential = body.bearer_token ?? null;
      const clearCredential = body.clear_bearer_token ?? false;
      if (credential !== null && clearCredential) {
        const msg = "cannot be set and cleared at once";
        throw invalidRequest([{ loc: ["body", "bearer_token"], msg, type: "conflict" }]);
      }
      const changed = await changeSubscription(
        acting(deps, request, "workflow_webhook.updated"),
        { teamId: caller.teamId, contract },
        params.webhook_id,
        {
          name: body.name ?? null,
          url:
            body.url === undefined || body.url === null ? null : receiverUrl(body.url, deps.config),
          eventTypes: body.actions ?? null,
          enabled: body.enabled ?? null,
          credential,
          clearCredential,
          headers: body.headers ? receiverHeaders(body.headers, deps.config) : null,
          timeoutSeconds: body.timeout_seconds ?? null,
          maxRetries: body.max_retries ?? null,
          backoffSeconds: body.retry_backoff_seconds ?? null,
          actor: caller.actorId,
        },
      );
      return toWebhook(changed);
    },
  );

  app.delete(
    `${path}/:webhook_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "deleteWorkflowWebhook",
        summary: "Deletes a workflow webhook and ends its pending deliveries",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { params, caller } = request;
      const owner = { teamId: caller.teamId, contract };
      const deleting = acting(deps, request, "workflow_webhook.deleted");
      await endSubscription(deleting, owner, params.webhook_id, caller.actorId);
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${path}/:webhook_id/test`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "testWorkflowWebhook",
        summary:
          "Sends a sample event, of any action, to this webhook alone; its payload has `test: true`",
        tags,
        params,
        body: Type.Object(
          { action: Type.Optional(Action) },
          { additionalProperties: false, title: "WorkflowWebhookTest" },
        ),
        response: { 202: Type.Object({ event_id: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { params, body, caller, newId } = request;
      const eventId = await sendSample(acting(deps, request, "workflow_webhook.tested"), {
        teamId: caller.teamId,
        contract: workflowWebhooks,
        subscriptionId: params.webhook_id,
        eventType: body?.action ?? ("workflow_run_completed" satisfies WorkflowAction),
        actor: caller.actorId,
        newId,
      });
      return reply.code(202).send({ event_id: publicEventId(eventId) });
    },
  );

  signingSecretRoutes(fastify, deps, {
    path,
    idName: "webhook_id",
    contract,
    resource: "WorkflowWebhook",
    noun: "workflow_webhook",
    tags,
  });
}

const toWebhook = (subscription: Subscription) => ({
  id: subscription.id,
  name: subscription.name,
  url: subscription.url,
  actions: subscription.eventTypes,
  enabled: subscription.enabled,
  disabled_reason: subscription.disabledReason,
  has_bearer_token: subscription.hasCredential,
  timeout_seconds: subscription.timeoutSeconds,
  max_retries: subscription.maxRetries,
  retry_backoff_seconds: subscription.backoffSeconds,
  header_names: subscription.headerNames,
  created_at: subscription.createdAt.toISOString(),
  updated_at: subscription.updatedAt.toISOString(),
});
