// Contract A's words: an event is a delivery, an action is an event type.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { redeliverNow } from "../actions/redeliver.ts";
import type { Scope } from "../api-keys.ts";
import { type AttemptRow, type DeliveryRow, listAttempts, listDeliveries } from "../db/history.ts";
import type { Contract } from "../domain/contracts/contract.ts";
import type { JsonText } from "../domain/json-text.ts";
import { AppError } from "../errors.ts";
import { isObjectId, parseEventId, publicEventId } from "../ids.ts";
import type { Keyring } from "../secrets.ts";
import type { ApiDeps } from "./deps.ts";
import { EventStatus, eventFilterFields, eventFilterOf } from "./event-filter.ts";
import { listText, objectText, sendExactJson } from "./exact-json.ts";
import { nullable, Timestamp } from "./fields.ts";
import { hiddenField, seesPayloads } from "./hidden.ts";
import { shownPayload, shownResponseBody } from "./opened.ts";
import { askedByPage, pageIn, walkPageFields, walkQuery } from "./paging.ts";
import { acting, type Caller, type TypeBox } from "./request.ts";

/** The fields that deliveries and attempts share. */
const commonFields = {
  event_id: Type.String(),
  subscription_id: Type.String(),
  action: Type.String(),
  team_id: Type.String(),
  created_by: Type.String(),
  updated_by: Type.String(),
  created_at: Timestamp,
  updated_at: Timestamp,
  _id: Type.String(),
  /** The same id, for clients that do not know `_id`. */
  id: Type.String(),
};

/** A contract whose deliveries are listed in contract A's form. */
export type WebhookEventsKind = {
  contract: Contract;
  /** The path of the list. */
  path: string;
  /** The path parameter for a delivery's `_id` or its event's `event_<uuid>`. */
  idName: "event_id" | "operational_event_id";
  /** A part of the names of operations and schemas. */
  resource: "WorkflowWebhook" | "OperationalWebhook";
  tag: string;
  scopes: { read: Scope; write: Scope };
};

function schemasOf({ contract, resource }: WebhookEventsKind) {
  const WebhookEvent = Type.Object(
    {
      ...commonFields,
      workflow_id: nullable(Type.String()),
      workflow_name: nullable(Type.String()),
      workflow_run_id: nullable(Type.String()),
      workflow_run_status: nullable(Type.String()),
      dedupe_key: nullable(Type.String()),
      status: EventStatus,
      attempts_count: Type.Integer(),
      next_retry_at: nullable(Timestamp),
      delivered_at: nullable(Timestamp),
      last_attempt_at: nullable(Timestamp),
      last_status_code: nullable(Type.Integer()),
      last_error: nullable(Type.String()),
      payload_omitted: Type.Optional(Type.Literal(true)),
      ...hiddenField,
      payload: nullable(Type.Record(Type.String(), Type.Unknown())),
    },
    { title: `${resource}Event` },
  );

  const WebhookAttempt = Type.Object(
    {
      ...commonFields,
      attempt_number: Type.Integer(),
      request_url: Type.String(),
      success: Type.Boolean(),
      response_status_code: nullable(Type.Integer()),
      response_body: nullable(Type.String()),
      ...hiddenField,
      response_truncated: Type.Boolean(),
      error_code: nullable(Type.String()),
      error_message: nullable(Type.String()),
      latency_ms: nullable(Type.Integer()),
      will_retry: Type.Boolean(),
      manual: Type.Boolean(),
    },
    { title: `${resource}Attempt` },
  );
  const filterFields = eventFilterFields(contract);
  return { WebhookEvent, WebhookAttempt, filterFields };
}

/** Deliveries of webhooks, their attempts, and retries. */
export function webhookEventRoutes(
  fastify: FastifyInstance,
  deps: ApiDeps,
  kind: WebhookEventsKind,
): void {
  const { path, idName, resource, scopes } = kind;
  const tags = [kind.tag];
  // Either id; the handler finds out which, and answers 404 when it is neither.
  const params = Type.Object({ [idName]: Type.String() });
  const idOf = (named: Record<string, string>) => named[idName] ?? "";
  const contract = kind.contract.name;
  const { WebhookEvent, WebhookAttempt, filterFields } = schemasOf(kind);
  const app = fastify.withTypeProvider<TypeBox>();

  app.get(
    path,
    {
      config: { scope: scopes.read },
      schema: {
        operationId: `list${resource}Events`,
        summary: "Lists deliveries, newest first",
        description:
          "`payload` is null unless the key has the scope `payload`; otherwise `hidden` names it. `search` matches a part of the workflow's name, or one complete id. `start` is included, `end` is not.",
        tags,
        querystring: Type.Object(
          { ...walkQuery, ...filterFields },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ events: Type.Array(WebhookEvent), ...walkPageFields }) },
      },
    },
    async ({ query, caller }, reply) => {
      const filter = eventFilterOf(query, ["query"]);
      const list = {
        keyring: deps.keyring,
        caller,
        name: `${kind.contract.name}-webhooks/events`,
        filter,
      };
      const { page, told } = askedByPage(list, query);
      const owner = { teamId: caller.teamId, contract };
      const { rows, ...read } = await listDeliveries(caller.lists, owner, filter, {
        ...page,
        withPayload: seesPayloads(caller),
      });
      const events = rows.map((row) => eventText(deps.keyring, caller, row));
      return sendExactJson(reply, listText("events", events, { ...told(read), ...pageIn(query) }));
    },
  );

  app.get(
    `${path}/:${idName}/attempts`,
    {
      config: { scope: scopes.read },
      schema: {
        operationId: `list${resource}Attempts`,
        summary: "Lists the attempts of a delivery, or of all deliveries of an event, newest first",
        description:
          "`response_body` is null unless the key has the scope `payload`; otherwise `hidden` names it.",
        tags,
        params,
        querystring: Type.Object(walkQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ attempts: Type.Array(WebhookAttempt), ...walkPageFields }) },
      },
    },
    async ({ params, query, caller }) => {
      const owner = { teamId: caller.teamId, contract };
      const filter = { of: idOf(params) };
      const list = {
        keyring: deps.keyring,
        caller,
        name: `${kind.contract.name}-webhooks/attempts`,
        filter,
      };
      const { page, told } = askedByPage(list, query);
      const listed = await listAttempts(caller.lists, owner, nameOf(idOf(params)), page);
      if (!listed) throw new AppError("not_found");
      const { rows, ...read } = listed;
      return {
        attempts: rows.map((row) => toAttempt(deps.keyring, caller, row)),
        ...told(read),
        ...pageIn(query),
      };
    },
  );

  app.post(
    `${path}/:${idName}/retry`,
    {
      config: { scope: scopes.write },
      schema: {
        operationId: `retry${resource}Event`,
        summary: "Retries a delivery now, in any state",
        description:
          "Adds one attempt and does not reset the retries. With an event's id, all its deliveries that can be retried are retried.",
        tags,
        params,
        response: { 200: Type.Object({ message: Type.String(), event_id: Type.String() }) },
      },
    },
    async (request) => {
      const { params, caller } = request;
      const redelivering = acting(deps, request, "delivery.redelivered");
      const { eventId, count } = await redeliverNow(redelivering, {
        teamId: caller.teamId,
        contract,
        name: nameOf(idOf(params)),
        actor: caller.actorId,
      });
      const what = count === 1 ? "The delivery is" : `${count} deliveries are`;
      return { message: `${what} due now.`, event_id: publicEventId(eventId) };
    },
  );
}

function nameOf(text: string): { deliveryId: string } | { eventId: string } {
  if (isObjectId(text)) return { deliveryId: text };
  const eventId = parseEventId(text);
  if (eventId === undefined) throw new AppError("not_found");
  return { eventId };
}

function eventText(keyring: Keyring, caller: Caller, row: DeliveryRow): JsonText {
  const { members, hidden } = shownPayload(keyring, caller, row);
  return objectText(
    {
      event_id: publicEventId(row.eventId),
      subscription_id: row.subscriptionId,
      action: row.eventType,
      team_id: caller.teamId,
      created_by: row.createdBy,
      updated_by: row.updatedBy,
      created_at: row.createdAt,
      updated_at: row.updatedAt,
      _id: row.id,
      id: row.id,
      workflow_id: row.workflowId,
      workflow_name: row.workflowName,
      workflow_run_id: row.runId,
      workflow_run_status: row.runStatus,
      dedupe_key: row.dedupeKey,
      status: row.status,
      attempts_count: row.attemptCount,
      next_retry_at: row.retryAt,
      delivered_at: row.deliveredAt,
      last_attempt_at: row.lastAttemptAt,
      last_status_code: row.lastStatusCode,
      last_error: row.lastError,
      ...(row.payloadOmitted ? { payload_omitted: true } : {}),
      ...hidden,
    },
    members,
  );
}

function toAttempt(keyring: Keyring, caller: Caller, row: AttemptRow) {
  const { members, hidden } = shownResponseBody(keyring, caller, row);
  return {
    event_id: publicEventId(row.eventId),
    subscription_id: row.subscriptionId,
    action: row.eventType,
    team_id: caller.teamId,
    created_by: row.createdBy,
    updated_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    updated_at: row.createdAt.toISOString(),
    _id: row.id,
    id: row.id,
    attempt_number: row.number,
    request_url: row.requestUrl,
    success: row.success,
    response_status_code: row.statusCode,
    ...members,
    ...hidden,
    response_truncated: row.responseTruncated,
    error_code: row.errorCode,
    error_message: row.errorMessage,
    latency_ms: row.latencyMs,
    will_retry: row.willRetry,
    manual: row.manual,
  };
}
