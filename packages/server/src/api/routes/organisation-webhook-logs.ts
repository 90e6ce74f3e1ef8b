// Contract B's log entries are attempts.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { getSubscription } from "../../actions/subscriptions.ts";
import { type LogRow, listLogs } from "../../db/logs.ts";
import {
  organisationEventTypes,
  organisationWebhooks,
} from "../../domain/contracts/organisation-webhooks.ts";
import { publicEventId } from "../../ids.ts";
import type { Keyring } from "../../secrets.ts";
import type { ApiDeps } from "../deps.ts";
import { Instant, nullable, PathId, parseInstant, Timestamp } from "../fields.ts";
import { hiddenField } from "../hidden.ts";
import { shownResponseBody } from "../opened.ts";
import { askedByWindow, walkWindowFields, walkWindowQuery } from "../paging.ts";
import type { Caller, TypeBox } from "../request.ts";

const Log = Type.Object(
  {
    id: Type.String(),
    subscription_id: Type.String(),
    event_id: Type.String(),
    event_type: Type.String(),
    attempt_number: Type.Integer(),
    url: Type.String(),
    success: Type.Boolean(),
    will_retry: Type.Boolean(),
    status_code: nullable(Type.Integer()),
    response_body: nullable(Type.String()),
    ...hiddenField,
    error: nullable(Type.String()),
    duration_ms: nullable(Type.Integer()),
    created_at: Timestamp,
  },
  { title: "WebhookLog" },
);

const EventType = Type.Union(organisationEventTypes.map((type) => Type.Literal(type)));
const Logs = Type.Object({ logs: Type.Array(Log), ...walkWindowFields });
const logsQuery = {
  ...walkWindowQuery,
  start: Type.Optional(Instant),
  end: Type.Optional(Instant),
};
const tags = ["Webhooks"];
const contract = organisationWebhooks.name;
const description =
  "Attempts of the newest event first. `response_body` is null unless the key has the scope `payload`; otherwise `hidden` names it. `start` is included, `end` is not; both are about the attempt.";

/** Contract B's delivery logs: of one webhook, and of all of them, deleted ones included. */
export function organisationWebhookLogRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.get(
    "/webhooks/:subscription_id/logs",
    {
      config: { scope: "read" },
      schema: {
        operationId: "listWebhookLogs",
        summary: "Lists a webhook's delivery attempts, retries included",
        description,
        tags,
        params: Type.Object({ subscription_id: PathId }),
        querystring: Type.Object(logsQuery, { additionalProperties: false }),
        response: { 200: Logs },
      },
    },
    async ({ params, query, caller }) => {
      const owner = { teamId: caller.teamId, contract };
      const { id } = await getSubscription(caller.database.sql, owner, params.subscription_id);
      const filter = { subscriptionId: id, eventType: null, ...timeOf(query) };
      const list = { keyring: deps.keyring, caller, name: "webhooks/logs", filter };
      const { page, told } = askedByWindow(list, query);
      const { rows, ...read } = await listLogs(caller.lists, owner, filter, page);
      return toLogs(rows, deps.keyring, caller, told(read));
    },
  );

  app.get(
    "/webhooks/logs/all",
    {
      config: { scope: "read" },
      schema: {
        operationId: "listAllWebhookLogs",
        summary: "Lists the delivery attempts of all webhooks",
        description,
        tags,
        querystring: Type.Object(
          { ...logsQuery, event_type: Type.Optional(EventType) },
          { additionalProperties: false },
        ),
        response: { 200: Logs },
      },
    },
    async ({ query, caller }) => {
      const filter = {
        subscriptionId: null,
        eventType: query.event_type ?? null,
        ...timeOf(query),
      };
      const list = { keyring: deps.keyring, caller, name: "webhooks/logs/all", filter };
      const { page, told } = askedByWindow(list, query);
      const owner = { teamId: caller.teamId, contract };
      const { rows, ...read } = await listLogs(caller.lists, owner, filter, page);
      return toLogs(rows, deps.keyring, caller, told(read));
    },
  );
}

const timeOf = ({ start, end }: { start?: string; end?: string }) => ({
  start: start === undefined ? null : parseInstant(start, ["query", "start"]),
  end: end === undefined ? null : parseInstant(end, ["query", "end"]),
});

const toLogs = <Counts>(
  rows: readonly LogRow[],
  keyring: Keyring,
  caller: Caller,
  counts: Counts,
) => ({ logs: rows.map((row) => toLog(keyring, caller, row)), ...counts });

function toLog(keyring: Keyring, caller: Caller, row: LogRow) {
  const { members, hidden } = shownResponseBody(keyring, caller, row);
  return {
    id: row.id,
    subscription_id: row.subscriptionId,
    event_id: publicEventId(row.eventId),
    event_type: row.eventType,
    attempt_number: row.number,
    url: row.requestUrl,
    success: row.success,
    will_retry: row.willRetry,
    status_code: row.statusCode,
    ...members,
    ...hidden,
    error: row.errorMessage,
    duration_ms: row.latencyMs,
    created_at: row.createdAt.toISOString(),
  };
}
