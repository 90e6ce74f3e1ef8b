// Contract A's words: webhooks are subscriptions, actions are event types.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { sendSample } from "../actions/send-sample.ts";
import {
  changeSubscription,
  createSubscription,
  endSubscription,
  getSubscription,
} from "../actions/subscriptions.ts";
import type { Scope } from "../api-keys.ts";
import { bootstrapKeyId } from "../db/api-keys.ts";
import { listSubscriptions, type Subscription } from "../db/subscriptions.ts";
import type { Contract } from "../domain/contracts/contract.ts";
import { AppError } from "../errors.ts";
import { publicEventId } from "../ids.ts";
import type { ApiDeps } from "./deps.ts";
import { nameOf, nullable, PathId, Timestamp, textOf } from "./fields.ts";
import { askedByPage, pageIn, walkPageFields, walkQuery } from "./paging.ts";
import {
  GivenSigningSecret,
  ReceiverHeaders,
  ReceiverUrl,
  receiverHeaders,
  receiverUrl,
} from "./receiver.ts";
import { acting, type Caller, type TypeBox } from "./request.ts";
import { signingSecretRoutes } from "./signing-secret-routes.ts";
import { invalidRequest } from "./validation.ts";

/** It is sent in a header: printable ASCII without blanks (RFC 6750 allows no more). */
const BearerToken = Type.String({
  minLength: 1,
  maxLength: 2000,
  pattern: "^[\\x21-\\x7e]*$",
  title: "printable ASCII without blanks",
});
const TimeoutSeconds = Type.Integer({ minimum: 1, maximum: 60 });
const MaxRetries = Type.Integer({ minimum: 0, maximum: 10 });
const RetryBackoffSeconds = Type.Integer({ minimum: 1, maximum: 300 });

/** Webhooks of one contract in contract A's form. */
export type WebhookKind = {
  contract: Contract;
  path: string;
  /** The path parameter of its id. */
  idName: "webhook_id" | "operational_webhook_id";
  /** Such as `WorkflowWebhook`: a part of the names of operations and schemas. */
  resource: "WorkflowWebhook" | "OperationalWebhook";
  /** Its name in the audit log. */
  noun: "workflow_webhook" | "operational_webhook";
  /** Its name in descriptions. */
  title: string;
  tag: string;
  scopes: { read: Scope; write: Scope };
  /** The action of a test without one. */
  sampleAction: string;
  /** Webhooks may get the events of all teams (with an operator's key). */
  hearsOfAllTeams?: true;
};

const allTeams = Type.Boolean({
  description:
    "Get events of all teams, each with its `team_id`. Needs the operator's key, `POSTRIDER_API_KEY`.",
});

function schemasOf({ contract, resource, hearsOfAllTeams }: WebhookKind) {
  const Action = Type.Unsafe<string>(
    Type.Union(contract.eventTypes.map((action) => Type.Literal(action))),
  );
  /** Fields of this kind only. */
  const onlyHere = <Fields extends object>(fields: Fields) =>
    (hearsOfAllTeams ? fields : {}) as Fields;
  const Actions = Type.Array(Action, {
    minItems: 1,
    maxItems: contract.eventTypes.length,
    uniqueItems: true,
  });
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
      signing_secret: Type.Optional(nullable(GivenSigningSecret)),
      ...onlyHere({ all_teams: Type.Optional(allTeams) }),
    },
    { additionalProperties: false, title: `${resource}Create` },
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
      ...onlyHere({ all_teams: Type.Optional(nullable(allTeams)) }),
    },
    { additionalProperties: false, title: `${resource}Update` },
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
      ...onlyHere({ all_teams: Type.Optional(Type.Boolean()) }),
    },
    { title: resource },
  );

  const TestBody = Type.Object(
    { action: Type.Optional(Action) },
    { additionalProperties: false, title: `${resource}Test` },
  );
  return { Action, CreateBody, UpdateBody, Webhook, TestBody };
}

const writeOnly =
  "The token and the values of `headers` are never shown again. Use either a bearer token or a header `Authorization`, not both.";

/** Create, list, read, change, delete, test, and the signing secrets. */
export function webhookRoutes(fastify: FastifyInstance, deps: ApiDeps, kind: WebhookKind): void {
  const { path, resource, noun, title, scopes } = kind;
  const contract = kind.contract.name;
  const tags = [kind.tag];
  const { idName } = kind;
  const params = Type.Object({ [idName]: PathId });
  const idOf = (named: Record<string, string>) => named[idName] ?? "";
  const { Action, CreateBody, UpdateBody, Webhook, TestBody } = schemasOf(kind);
  const toWebhook = (subscription: Subscription) => ({
    ...shownWebhook(subscription),
    ...(kind.hearsOfAllTeams && { all_teams: subscription.allTeams }),
  });
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: scopes.write },
      schema: {
        operationId: `create${resource}`,
        summary: `Creates ${title}`,
        description: writeOnly,
        tags,
        body: CreateBody,
        response: { 201: Webhook },
      },
    },
    async (request, reply) => {
      const { body, caller } = request;
      const created = await createSubscription(
        acting(deps, request, `${noun}.created`),
        { teamId: caller.teamId, contract },
        {
          id: request.newId(),
          name: body.name,
          url: receiverUrl(body.url, deps.config),
          eventTypes: body.actions,
          enabled: body.enabled ?? true,
          credential: body.bearer_token ?? null,
          headers: receiverHeaders(body.headers ?? {}, deps.config),
          signingSecret: body.signing_secret ?? null,
          timeoutSeconds: body.timeout_seconds ?? 10,
          maxRetries: body.max_retries ?? 3,
          backoffSeconds: body.retry_backoff_seconds ?? 10,
          allTeams: allTeamsOf(kind, caller, body) ?? false,
          actor: caller.actorId,
        },
      );
      return reply.code(201).send(toWebhook(created));
    },
  );

  app.get(
    path,
    {
      config: { scope: scopes.read },
      schema: {
        operationId: `list${resource}s`,
        summary: `Lists ${kind.tag.toLowerCase()}, newest first`,
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
      const list = { keyring: deps.keyring, caller, name: path, filter };
      const { page, told } = askedByPage(list, query);
      const owner = { teamId: caller.teamId, contract };
      const { rows, ...read } = await listSubscriptions(caller.database, owner, filter, page);
      return { subscriptions: rows.map(toWebhook), ...told(read), ...pageIn(query) };
    },
  );

  app.get(
    `${path}/:${idName}`,
    {
      config: { scope: scopes.read },
      schema: {
        operationId: `get${resource}`,
        summary: `Gets ${title}`,
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
          idOf(params),
        ),
      ),
  );

  app.patch(
    `${path}/:${idName}`,
    {
      config: { scope: scopes.write },
      schema: {
        operationId: `update${resource}`,
        summary: `Changes ${title} from its next attempt on`,
        description: `Null means "not given". \`headers\` replaces all of them, and \`{}\` removes them. ${writeOnly}`,
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
        acting(deps, request, `${noun}.updated`),
        { teamId: caller.teamId, contract },
        idOf(params),
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
          allTeams: allTeamsOf(kind, caller, body) ?? null,
          actor: caller.actorId,
        },
      );
      return toWebhook(changed);
    },
  );

  app.delete(
    `${path}/:${idName}`,
    {
      config: { scope: scopes.write },
      schema: {
        operationId: `delete${resource}`,
        summary: `Deletes ${title} and ends its pending deliveries`,
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { params, caller } = request;
      const owner = { teamId: caller.teamId, contract };
      const deleting = acting(deps, request, `${noun}.deleted`);
      await endSubscription(deleting, owner, idOf(params), caller.actorId);
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${path}/:${idName}/test`,
    {
      config: { scope: scopes.write },
      schema: {
        operationId: `test${resource}`,
        summary:
          "Sends a sample event, of any action, to this webhook alone; its payload has `test: true`",
        tags,
        params,
        body: TestBody,
        response: { 202: Type.Object({ event_id: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { params, body, caller, newId } = request;
      const eventId = await sendSample(acting(deps, request, `${noun}.tested`), {
        teamId: caller.teamId,
        contract: kind.contract,
        subscriptionId: idOf(params),
        eventType: body?.action ?? kind.sampleAction,
        actor: caller.actorId,
        newId,
      });
      return reply.code(202).send({ event_id: publicEventId(eventId) });
    },
  );

  signingSecretRoutes(fastify, deps, {
    path,
    idName,
    contract,
    resource,
    noun,
    tags,
    scope: scopes.write,
  });
}

/** Whether the body asks for the events of all teams; throws `scope_missing` if the key is not the operator's. */
function allTeamsOf(
  { hearsOfAllTeams }: WebhookKind,
  { apiKeyId }: Caller,
  body: { all_teams?: boolean | null },
): boolean | undefined {
  const wanted = (hearsOfAllTeams && body.all_teams) ?? undefined;
  if (wanted && apiKeyId !== bootstrapKeyId) {
    throw new AppError("scope_missing", "`all_teams` needs the operator's key, POSTRIDER_API_KEY.");
  }
  return wanted;
}

const shownWebhook = (subscription: Subscription) => ({
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
