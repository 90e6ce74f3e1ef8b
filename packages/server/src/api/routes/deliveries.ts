// The same words for all contracts: an endpoint is a subscription or an assistant's server.
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
import { requestHeaders } from "../../domain/request-head.ts";
import { AppError } from "../../errors.ts";
import { publicEventId } from "../../ids.ts";
import type { Keyring } from "../../secrets.ts";
import { nextCursorField } from "../cursor.ts";
import { Delivery, deliveryAnswer, deliveryFields, Milliseconds } from "../delivery-answer.ts";
import { deliveryFilterOf, deliveryFilterQuery } from "../delivery-filter.ts";
import type { ApiDeps } from "../deps.ts";
import { nullable, PathId, Timestamp } from "../fields.ts";
import { hiddenField, seesPayloads } from "../hidden.ts";
import { shownAnswer, shownRequestBody } from "../opened.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { keptTo, mayReach, maySee } from "../portal.ts";
import { acting, type Caller, type TypeBox } from "../request.ts";

const text = nullable(Type.String());
const headerMap = (description: string) =>
  Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()], { description });
const part = (description: string) => Type.Union([Type.Integer(), Type.Null()], { description });

const AttemptTiming = Type.Object(
  {
    dns: part("Resolving the receiver's name."),
    connect: part("Opening a connection, through the operator's proxy if one is set."),
    tls: part("The TLS handshake."),
    wait: part(
      "From the request to the end of the answer's headers, or to the end of the attempt.",
    ),
    read: part("Reading the body of the answer."),
  },
  {
    title: "AttemptTiming",
    description:
      "Milliseconds; null for a phase that did not happen, for example on a reused connection.",
  },
);

const DeliveryAttempt = Type.Object(
  {
    number: Type.Integer(),
    at: Timestamp,
    url: Type.String(),
    address: Type.Union([Type.String(), Type.Null()], {
      description:
        "The IP address of the receiver; null if no address was contacted, or if only the proxy knows it.",
    }),
    request_headers: headerMap(
      "Names in lower case. Custom headers and secrets are `***`. Null if nothing was sent.",
    ),
    status_code: nullable(Type.Integer()),
    response_headers: headerMap(
      "Names in lower case, at most 4 KiB. Repeated headers are joined by commas; cookies are `***`.",
    ),
    response_body: text,
    response_truncated: Type.Boolean(),
    ...hiddenField,
    error_code: text,
    error: text,
    duration_ms: Milliseconds,
    timing: nullable(AttemptTiming),
    will_retry: Type.Boolean(),
    actor: Type.String({
      description: "`system`, or the id of the API key or session that requested it.",
    }),
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

/** Deliveries of all contracts: list, one with its attempts, and retry. */
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
          "Repeat a parameter to ask for several values: `status=failed&status=retrying`. `from` is included, `to` is not. A page can have fewer deliveries than `limit`, or none, although more follow: continue until `next_cursor` is null. `status_code`, `error_code` and `duration_ms` describe the last attempt that ended.",
        tags,
        querystring: Type.Object(
          { ...cursorOnlyQuery, ...deliveryFilterQuery },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ deliveries: Type.Array(Delivery), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const filter = keptTo(caller, deliveryFilterOf(query));
      const list = { keyring: deps.keyring, caller, name: "deliveries", filter };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await searchDeliveries(caller.lists, caller.teamId, filter, page);
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
        description: `\`request.body\` is the exact text that is posted; null after its retention. It, \`response_body\` and \`response_headers\` are null unless the key has the scope \`payload\`; otherwise \`hidden\` names them. The last ${attemptsMax} attempts are shown. An attempt that was lost with its process has no timing and no headers.`,
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
      if (!found || !isFor(caller, found)) throw new AppError("not_found");
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
        summary: "Retries a delivery of any contract now",
        description:
          "A waiting delivery becomes due now. An ended delivery gets one more attempt with the same `webhook-id`. A message of a call that waits for its turn is due already; an ended message is sent before the waiting messages of its call. Refused with 409: `delivery_in_flight`, `subscription_disabled`, `subscription_gone`, `payload_gone`.",
        tags,
        params,
        response: { 202: Delivery },
      },
    },
    async (request, reply) => {
      const { params, caller } = request;
      await requireReach(caller, params.delivery_id);
      const retried = await retryDelivery(acting(deps, request, "delivery.redelivered"), {
        teamId: caller.teamId,
        deliveryId: params.delivery_id,
        actor: caller.actorId,
      });
      reply.status(202);
      return deliveryAnswer(retried);
    },
  );
}

const isFor = (caller: Caller, { subscriptionId, contract }: DeliverySummary): boolean =>
  mayReach(caller, [subscriptionId]) && maySee(caller, contract);

/** Refuses a delivery to an endpoint that the caller may not reach: `not_found`, as for an unknown one. */
async function requireReach(caller: Caller, id: string): Promise<void> {
  if (!caller.portal) return;
  const { database, teamId } = caller;
  const found = await findDelivery(database.sql, teamId, id, { withPayload: false });
  if (!found || !isFor(caller, found)) throw new AppError("not_found");
}

function requestAnswer(keyring: Keyring, caller: Caller, delivery: DeliveryWithBody) {
  const { members, hidden } = shownRequestBody(keyring, caller, delivery);
  return { ...members, ...hidden };
}

function attemptAnswer(
  keyring: Keyring,
  caller: Caller,
  { id, eventId }: DeliverySummary,
  attempt: AttemptSummary,
) {
  const stored = { ...attempt, deliveryId: id };
  const { members, hidden } = shownAnswer(keyring, caller, stored);
  const { requestHead, requestProof, timing } = attempt;
  const sent =
    requestHead !== null && requestProof !== null
      ? requestHeaders(JSON.parse(requestHead), requestProof, publicEventId(eventId))
      : null;
  return {
    number: attempt.number,
    at: attempt.createdAt.toISOString(),
    url: attempt.requestUrl,
    address: attempt.address,
    request_headers: sent,
    status_code: attempt.statusCode,
    ...members,
    response_truncated: attempt.responseTruncated,
    ...hidden,
    error_code: attempt.errorCode,
    error: attempt.errorMessage,
    duration_ms: attempt.latencyMs,
    timing: Object.values(timing).some((ms) => ms !== null) ? timing : null,
    will_retry: attempt.willRetry,
    actor: attempt.actor,
  };
}
