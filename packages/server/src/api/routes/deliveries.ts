// One language for all contracts: an endpoint is a subscription, or an assistant's server.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { retryDelivery } from "../../actions/redeliver.ts";
import { searchDeliveries } from "../../db/delivery-search.ts";
import {
  type AttemptSummary,
  type DeliverySummary,
  type DeliveryWithBody,
  findDelivery,
  listAttemptsOf,
} from "../../db/delivery-summaries.ts";
import { deliveryStatuses } from "../../db/history.ts";
import { AppError } from "../../errors.ts";
import { publicEventId } from "../../ids.ts";
import type { Keyring } from "../../secrets.ts";
import { nextCursorField } from "../cursor.ts";
import { ContractName, deliveryFilterOf, deliveryFilterQuery } from "../delivery-filter.ts";
import type { ApiDeps } from "../deps.ts";
import { nullable, PathId, Timestamp } from "../fields.ts";
import { hiddenField, seesPayloads } from "../hidden.ts";
import { shownRequestBody, shownResponseBody } from "../opened.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { acting, type Caller, type TypeBox } from "../request.ts";

const Milliseconds = nullable(Type.Integer());
const text = nullable(Type.String());
const notYet = "Null: not recorded yet.";

const deliveryFields = {
  id: Type.String(),
  endpoint_id: Type.String(),
  contract: ContractName,
  event_type: Type.String(),
  event_id: Type.String(),
  test: Type.Boolean({ description: "A sample that somebody asked for." }),
  status: Type.Enum([...deliveryStatuses]),
  attempts_count: Type.Integer({ description: "Attempts that have ended." }),
  status_code: nullable(Type.Integer()),
  error_code: text,
  duration_ms: Milliseconds,
  workflow_id: text,
  run_id: text,
  step_id: text,
  call_id: text,
  message_id: Type.Null({ description: notYet }),
  assistant_id: text,
  created_at: Timestamp,
  updated_at: Timestamp,
  next_attempt_at: nullable(Timestamp),
  delivered_at: nullable(Timestamp),
};

const Delivery = Type.Object(deliveryFields, { title: "Delivery" });

const DeliveryAttempt = Type.Object(
  {
    number: Type.Integer(),
    at: Timestamp,
    url: Type.String(),
    address: Type.Null({ description: notYet }),
    request_headers: Type.Null({ description: notYet }),
    status_code: nullable(Type.Integer()),
    response_headers: Type.Null({ description: notYet }),
    response_body: text,
    response_truncated: Type.Boolean(),
    ...hiddenField,
    error_code: text,
    error: text,
    duration_ms: Milliseconds,
    timing: Type.Null({ description: notYet }),
    will_retry: Type.Boolean(),
    actor: Type.String({ description: "`system`, or the id of the API key that asked for it." }),
  },
  { title: "DeliveryAttempt" },
);

const attemptsMax = 500;

const DeliveryDetails = Type.Object(
  {
    ...deliveryFields,
    request: Type.Object({ body: text, ...hiddenField }),
    attempts: Type.Array(DeliveryAttempt),
  },
  { title: "DeliveryDetails" },
);

const params = Type.Object({ delivery_id: PathId });
const tags = ["Deliveries"];
const path = "/v1/deliveries";

/** Deliveries of all contracts: a list, one with its attempts, and delivering again. */
export function deliveryRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listDeliveries",
        summary: "Lists the deliveries of all contracts, newest first",
        description:
          "Repeat a parameter to ask for several values: `status=failed&status=retrying`. `from` is included, `to` is not. A page can hold fewer deliveries than `limit`, or none, although others follow: go on until `next_cursor` is null. `status_code`, `error_code` and `duration_ms` tell of the last attempt that ended. `message_id` is always null for now.",
        tags,
        querystring: Type.Object(
          { ...cursorOnlyQuery, ...deliveryFilterQuery },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ deliveries: Type.Array(Delivery), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const filter = deliveryFilterOf(query);
      const list = { keyring: deps.keyring, caller, name: "deliveries", filter };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await searchDeliveries(
        caller.database,
        caller.teamId,
        filter,
        page,
      );
      return { deliveries: rows.map(deliveryAnswer), ...told(read) };
    },
  );

  app.get(
    `${path}/:delivery_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getDelivery",
        summary: "Gets a delivery with its request body and its attempts, newest first",
        description: `\`request.body\` is the exact text that is posted; null once it is not kept any more. It and \`response_body\` are null unless the key has the scope \`payload\`; \`hidden\` names them then. The last ${attemptsMax} attempts are shown. \`address\`, \`request_headers\`, \`response_headers\`, \`timing\` and \`message_id\` are always null for now.`,
        tags,
        params,
        response: { 200: DeliveryDetails },
      },
    },
    async ({ params, caller }) => {
      const { sql } = caller.database;
      const withPayload = seesPayloads(caller);
      const id = params.delivery_id;
      const found = await findDelivery(sql, caller.teamId, id, { withPayload });
      if (!found) throw new AppError("not_found");
      const attempts = await listAttemptsOf(sql, caller.teamId, found, attemptsMax);
      return {
        ...deliveryAnswer(found),
        request: requestAnswer(deps.keyring, caller, found),
        attempts: attempts.map((attempt) => attemptAnswer(deps.keyring, caller, found, attempt)),
      };
    },
  );

  app.post(
    `${path}/:delivery_id/retry`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "retryDelivery",
        summary: "Delivers again now, whatever the contract",
        description:
          "A delivery that waits becomes due now; one that has ended gets one more attempt, and keeps its `webhook-id`. A message of a call that waits for its turn is due already; one that has ended goes out before those of its call that still wait. Refused with 409: `delivery_in_flight`, `subscription_disabled`, `subscription_gone`, `payload_gone`.",
        tags,
        params,
        response: { 202: Delivery },
      },
    },
    async (request, reply) => {
      const { params, caller } = request;
      const retried = await retryDelivery(acting(deps, request, "delivery.redelivered"), {
        teamId: caller.teamId,
        deliveryId: params.delivery_id,
        actor: caller.apiKeyId,
      });
      reply.status(202);
      return deliveryAnswer(retried);
    },
  );
}

const deliveryAnswer = (row: DeliverySummary) => ({
  id: row.id,
  endpoint_id: row.subscriptionId,
  contract: row.contract,
  event_type: row.eventType,
  event_id: publicEventId(row.eventId),
  test: row.test,
  status: row.status,
  attempts_count: row.attemptCount,
  status_code: row.statusCode,
  error_code: row.errorCode,
  duration_ms: row.durationMs,
  workflow_id: row.workflowId,
  run_id: row.runId,
  step_id: row.stepId,
  call_id: row.callId,
  message_id: null,
  assistant_id: row.assistantId,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
  next_attempt_at: row.nextAttemptAt?.toISOString() ?? null,
  delivered_at: row.deliveredAt?.toISOString() ?? null,
});

function requestAnswer(keyring: Keyring, caller: Caller, delivery: DeliveryWithBody) {
  const { members, hidden } = shownRequestBody(keyring, caller, delivery);
  return { ...members, ...hidden };
}

function attemptAnswer(
  keyring: Keyring,
  caller: Caller,
  { id }: DeliverySummary,
  attempt: AttemptSummary,
) {
  const stored = { ...attempt, deliveryId: id };
  const { members, hidden } = shownResponseBody(keyring, caller, stored);
  return {
    number: attempt.number,
    at: attempt.createdAt.toISOString(),
    url: attempt.requestUrl,
    address: null,
    request_headers: null,
    status_code: attempt.statusCode,
    response_headers: null,
    ...members,
    response_truncated: attempt.responseTruncated,
    ...hidden,
    error_code: attempt.errorCode,
    error: attempt.errorMessage,
    duration_ms: attempt.latencyMs,
    timing: null,
    will_retry: attempt.willRetry,
    actor: attempt.actor,
  };
}
