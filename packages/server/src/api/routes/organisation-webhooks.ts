// Contract B's words: webhooks are subscriptions, their events are event types.
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
  type OrganisationEventType,
  organisationEventTypes,
  organisationPolicy,
  organisationWebhooks,
} from "../../domain/contracts/organisation-webhooks.ts";
import { publicEventId } from "../../ids.ts";
import { allBut } from "../characters.ts";
import type { ApiDeps } from "../deps.ts";
import { nameOf, nullable, PathId, Timestamp } from "../fields.ts";
import { askedByWindow, walkWindowFields, walkWindowQuery } from "../paging.ts";
import {
  GivenSigningSecret,
  ReceiverHeaders,
  ReceiverUrl,
  receiverHeaders,
  receiverUrl,
} from "../receiver.ts";
import { acting, type TypeBox } from "../request.ts";
import { signingSecretRoutes } from "../signing-secret-routes.ts";

const Events = Type.Array(Type.Union(organisationEventTypes.map((type) => Type.Literal(type))), {
  minItems: 1,
  maxItems: organisationEventTypes.length,
  uniqueItems: true,
});

/** The key of an HMAC, as UTF-8. It is not sent in a header, so any character is allowed. */
const Secret = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: `^${allBut()}*$`,
  title: "a text without halves of surrogate pairs",
});

const CreateBody = Type.Object(
  {
    name: nameOf(255),
    url: ReceiverUrl,
    events: Events,
    secret: Type.Optional(nullable(Secret)),
    headers: Type.Optional(nullable(ReceiverHeaders)),
    signing_secret: Type.Optional(nullable(GivenSigningSecret)),
  },
  { additionalProperties: false, title: "WebhookCreate" },
);

/** A field that is left out stays as it is; null removes the secret or the headers. */
const UpdateBody = Type.Object(
  {
    name: Type.Optional(nameOf(255)),
    url: Type.Optional(ReceiverUrl),
    events: Type.Optional(Events),
    secret: Type.Optional(nullable(Secret)),
    headers: Type.Optional(nullable(ReceiverHeaders)),
    is_active: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false, title: "WebhookUpdate" },
);

const Webhook = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    url: Type.String(),
    events: Type.Array(Type.String()),
    is_active: Type.Boolean(),
    has_secret: Type.Boolean(),
    header_names: Type.Array(Type.String()),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: "Webhook" },
);

const params = Type.Object({ subscription_id: PathId });
const tags = ["Webhooks"];
const path = "/webhooks";
const contract = organisationWebhooks.name;

/** Contract B's subscriptions: create, list, read, change, delete, test, and their signing secrets. */
export function organisationWebhookRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "write" },
      schema: {
        operationId: "createWebhook",
        summary: "Creates a webhook for the whole organization",
        description: `Requests may take ${organisationPolicy.timeoutSeconds} s and are retried ${organisationPolicy.maxRetries} times. Secret and header values are never shown again.`,
        tags,
        body: CreateBody,
        response: { 201: Webhook },
      },
    },
    async (request, reply) => {
      const { body, caller } = request;
      const created = await createSubscription(
        acting(deps, request, "webhook.created"),
        { teamId: caller.teamId, contract },
        {
          id: request.newId(),
          name: body.name,
          url: receiverUrl(body.url, deps.config),
          eventTypes: body.events,
          enabled: true,
          credential: body.secret ?? null,
          headers: receiverHeaders(body.headers ?? {}, deps.config),
          signingSecret: body.signing_secret ?? null,
          ...organisationPolicy,
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
        operationId: "listWebhooks",
        summary: "Lists webhooks, newest first",
        tags,
        querystring: Type.Object(walkWindowQuery, { additionalProperties: false }),
        response: {
          200: Type.Object({ webhooks: Type.Array(Webhook), ...walkWindowFields }),
        },
      },
    },
    async ({ query, caller }) => {
      const filter = { search: null, enabled: null, eventType: null };
      const list = { keyring: deps.keyring, caller, name: "webhooks", filter };
      const { page, told } = askedByWindow(list, query);
      const owner = { teamId: caller.teamId, contract };
      const { rows, ...read } = await listSubscriptions(caller.database, owner, filter, page);
      return { webhooks: rows.map(toWebhook), ...told(read) };
    },
  );

  app.get(
    `${path}/:subscription_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getWebhook",
        summary: "Gets a webhook",
        tags,
        params,
        response: { 200: Webhook },
      },
    },
    async ({ params, caller }) => {
      const owner = { teamId: caller.teamId, contract };
      return toWebhook(await getSubscription(caller.database.sql, owner, params.subscription_id));
    },
  );

  app.patch(
    `${path}/:subscription_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "updateWebhook",
        summary: "Changes a webhook from its next attempt on",
        description: "`secret: null` and `headers: null` remove them.",
        tags,
        params,
        body: UpdateBody,
        response: { 200: Webhook },
      },
    },
    async (request) => {
      const { params, body, caller } = request;
      const changed = await changeSubscription(
        acting(deps, request, "webhook.updated"),
        { teamId: caller.teamId, contract },
        params.subscription_id,
        {
          name: body.name ?? null,
          url: body.url === undefined ? null : receiverUrl(body.url, deps.config),
          eventTypes: body.events ?? null,
          enabled: body.is_active ?? null,
          credential: body.secret ?? null,
          clearCredential: body.secret === null,
          headers:
            body.headers === undefined ? null : receiverHeaders(body.headers ?? {}, deps.config),
          timeoutSeconds: null,
          maxRetries: null,
          backoffSeconds: null,
          actor: caller.actorId,
        },
      );
      return toWebhook(changed);
    },
  );

  app.delete(
    `${path}/:subscription_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "deleteWebhook",
        summary: "Deletes a webhook and ends its pending deliveries",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { params, caller } = request;
      const owner = { teamId: caller.teamId, contract };
      const deleting = acting(deps, request, "webhook.deleted");
      await endSubscription(deleting, owner, params.subscription_id, caller.actorId);
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${path}/:subscription_id/test`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "testWebhook",
        summary: "Sends a workflow.completed with `data.test: true` to this webhook alone",
        description: "One attempt, never retried; it appears in the logs.",
        tags,
        params,
        response: { 202: Type.Object({ event_id: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { params, caller, newId } = request;
      const eventId = await sendSample(acting(deps, request, "webhook.tested"), {
        teamId: caller.teamId,
        contract: organisationWebhooks,
        subscriptionId: params.subscription_id,
        eventType: "workflow.completed" satisfies OrganisationEventType,
        actor: caller.actorId,
        newId,
      });
      return reply.code(202).send({ event_id: publicEventId(eventId) });
    },
  );

  signingSecretRoutes(fastify, deps, {
    path,
    idName: "subscription_id",
    contract,
    resource: "Webhook",
    noun: "webhook",
    tags,
  });
}

const toWebhook = (subscription: Subscription) => ({
  id: subscription.id,
  name: subscription.name,
  url: subscription.url,
  events: subscription.eventTypes,
  is_active: subscription.enabled,
  has_secret: subscription.hasCredential,
  header_names: subscription.headerNames,
  created_at: subscription.createdAt.toISOString(),
  updated_at: subscription.updatedAt.toISOString(),
});
