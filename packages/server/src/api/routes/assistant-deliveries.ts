// Contract C's words: a message is a delivery, its type is an event type.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { getAssistant } from "../../actions/assistants.ts";
import { type DeliveryRow, listDeliveries } from "../../db/history.ts";
import {
  assistantMessages,
  assistantMessageTypes,
} from "../../domain/contracts/assistant-messages.ts";
import { deliveryStatuses } from "../../domain/delivery.ts";
import type { JsonText } from "../../domain/json-text.ts";
import { publicEventId } from "../../ids.ts";
import type { Keyring } from "../../secrets.ts";
import type { ApiDeps } from "../deps.ts";
import { listText, objectText, sendExactJson } from "../exact-json.ts";
import { CallId } from "../fact-bodies/calls.ts";
import { Instant, nullable, PathId, parseInstant, Timestamp } from "../fields.ts";
import { hiddenField, seesPayloads } from "../hidden.ts";
import { shownPayload } from "../opened.ts";
import { askedByPage, walkFields, walkQuery } from "../paging.ts";
import type { Caller, TypeBox } from "../request.ts";

const MessageType = Type.Union(assistantMessageTypes.map((type) => Type.Literal(type)));
const Status = Type.Union(deliveryStatuses.map((status) => Type.Literal(status)));

const AssistantDelivery = Type.Object(
  {
    _id: Type.String(),
    event_id: Type.String(),
    subscription_id: Type.String(),
    type: Type.String(),
    callId: nullable(Type.String()),
    team_id: Type.String(),
    dedupe_key: nullable(Type.String()),
    status: Status,
    attempts_count: Type.Integer(),
    delivered_at: nullable(Timestamp),
    last_attempt_at: nullable(Timestamp),
    last_status_code: nullable(Type.Integer()),
    last_error: nullable(Type.String()),
    created_by: Type.String(),
    updated_by: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    payload_omitted: Type.Optional(Type.Literal(true)),
    ...hiddenField,
    payload: nullable(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: "AssistantDelivery" },
);

const params = Type.Object({ assistant_id: PathId });
const tags = ["Assistants"];
const path = "/assistants/v1/assistants";
const contract = assistantMessages.name;

/** Contract C's history: the deliveries to an assistant's server. */
export function assistantDeliveryRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.get(
    `${path}/:assistant_id/deliveries`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listAssistantDeliveries",
        summary: "Lists the messages to the assistant's server, newest first",
        description:
          "Each message is attempted at most once, plus once for each manual retry. `payload` is null unless the key has the scope `payload`; otherwise `hidden` names it. `start` is included, `end` is not.",
        tags,
        params,
        querystring: Type.Object(
          {
            ...walkQuery,
            type: Type.Optional(MessageType),
            callId: Type.Optional(CallId),
            status: Type.Optional(Status),
            start: Type.Optional(Instant),
            end: Type.Optional(Instant),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ deliveries: Type.Array(AssistantDelivery), ...walkFields }),
        },
      },
    },
    async ({ params, query, caller }, reply) => {
      const { teamId } = caller;
      await getAssistant(caller.database.sql, teamId, params.assistant_id);
      const filter = {
        subscriptionId: params.assistant_id,
        workflowId: null,
        eventType: query.type ?? null,
        status: query.status ?? null,
        callId: query.callId ?? null,
        search: null,
        start: query.start === undefined ? null : parseInstant(query.start, ["query", "start"]),
        end: query.end === undefined ? null : parseInstant(query.end, ["query", "end"]),
      };
      const list = { keyring: deps.keyring, caller, name: "assistants/deliveries", filter };
      const { page, told } = askedByPage(list, query);
      const { rows, ...read } = await listDeliveries(caller.lists, { teamId, contract }, filter, {
        ...page,
        withPayload: seesPayloads(caller),
      });
      const deliveries = rows.map((row) => deliveryText(deps.keyring, caller, row));
      return sendExactJson(reply, listText("deliveries", deliveries, told(read)));
    },
  );
}

function deliveryText(keyring: Keyring, caller: Caller, row: DeliveryRow): JsonText {
  const { members, hidden } = shownPayload(keyring, caller, row);
  return objectText(
    {
      _id: row.id,
      event_id: publicEventId(row.eventId),
      subscription_id: row.subscriptionId,
      type: row.eventType,
      callId: row.callId,
      team_id: caller.teamId,
      dedupe_key: row.dedupeKey,
      status: row.status,
      attempts_count: row.attemptCount,
      delivered_at: row.deliveredAt,
      last_attempt_at: row.lastAttemptAt,
      last_status_code: row.lastStatusCode,
      last_error: row.lastError,
      created_by: row.createdBy,
      updated_by: row.updatedBy,
      created_at: row.createdAt,
      updated_at: row.updatedAt,
      ...(row.payloadOmitted ? { payload_omitted: true } : {}),
      ...hidden,
    },
    members,
  );
}
