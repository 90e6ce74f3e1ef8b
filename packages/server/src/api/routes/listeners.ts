// A listener gets an endpoint's requests through the API, so it needs no reachable URL.
import type { FastifyInstance } from "fastify";
import Type, { type Static } from "typebox";
import { closeListener, type ListenerWish, openListener } from "../../actions/listeners.ts";
import { listenerAnswerContext, recordListenerAnswer } from "../../db/listener-requests.ts";
import { findListener } from "../../db/listeners.ts";
import { operationalWebhooks } from "../../domain/contracts/operational-webhooks.ts";
import {
  type ListenerAnswer,
  listenerEventTypes,
  listenerGraceSeconds,
  listenerPolicy,
  listenersMax,
} from "../../domain/listeners.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../deps.ts";
import { Id, PathId, textOf } from "../fields.ts";
import { streamOfRequests } from "../listener-stream.ts";
import { acting, type Caller, type TypeBox } from "../request.ts";
import { openKeyCheck, openStreamCounts, sendStream, streamHeaders } from "../streaming.ts";
import { invalidRequest } from "../validation.ts";

const CreateBody = Type.Object(
  {
    contract: Type.Optional(Type.Enum(["workflow", "organisation", "operational"])),
    assistant_id: Type.Optional(Id),
    endpoint_id: Type.Optional(Id),
    event_types: Type.Optional(
      Type.Array(Type.Enum([...listenerEventTypes]), { minItems: 1, uniqueItems: true }),
    ),
  },
  { additionalProperties: false, title: "ListenerCreate" },
);
type CreateBody = Static<typeof CreateBody>;

const NewListener = Type.Object(
  {
    id: Type.String(),
    endpoint_id: Type.String(),
    secret: Type.String({ description: "What its requests are signed with: `whsec_…`." }),
  },
  { title: "NewListener" },
);

const fieldValue = Type.String({ maxLength: 8_192, pattern: "^[\\x09\\x20-\\x7e\\x80-\\xff]*$" });
const bodyCharactersMax = 64 * 1024;

const AnswerBody = Type.Object(
  {
    request_id: Id,
    status_code: Type.Integer({ minimum: 200, maximum: 599 }),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$" }),
        Type.Union([fieldValue, Type.Array(fieldValue, { maxItems: 50 })]),
        { maxProperties: 100 },
      ),
    ),
    body: Type.Optional(textOf(bodyCharactersMax)),
    duration_ms: Type.Integer({ minimum: 0, maximum: 600_000 }),
  },
  { additionalProperties: false, title: "ListenerAnswer" },
);

const params = Type.Object({ listener_id: PathId });
const tags = ["Listeners"];
const path = "/v1/listeners";

/** Endpoints whose requests a program fetches and answers through the API. */
export function listenerRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());
  const places = openStreamCounts();

  app.post(
    path,
    {
      config: { scope: "write" },
      schema: {
        operationId: "createListener",
        summary: "Makes a listener: an endpoint whose requests are fetched here",
        description: `Takes the scopes \`write\` and \`payload\`, and \`admin\` for the contract \`operational\`. Name one of \`contract\` (all its events for the team), \`assistant_id\` (an assistant's messages) and \`endpoint_id\` (copies of what an endpoint gets from now on). The listener is an endpoint of its own, of the contract \`listener\`, with its own \`secret\`; where a contract shows a secret or key of its own besides, that is the same. It is shown in lists only to those who ask for it. It ends ${listenerGraceSeconds} seconds after its stream does. A team may have ${listenersMax} at once. Its requests have ${listenerPolicy.timeoutSeconds} seconds, and are made again ${listenerPolicy.maxRetries} times within about half a minute.`,
        tags,
        body: CreateBody,
        response: { 201: NewListener },
      },
    },
    async (request, reply) => {
      const { body, caller } = request;
      requirePayload(caller);
      requireScopeFor(body.contract, caller);
      const id = request.newId();
      const { secret } = await openListener(acting(deps, request, "listener.opened"), {
        teamId: caller.teamId,
        id,
        wish: wishOf(body),
        eventTypes: body.event_types ?? null,
        actor: caller.actorId,
      });
      reply.code(201);
      return { id, endpoint_id: id, secret };
    },
  );

  app.get(
    `${path}/:listener_id/requests`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "streamListenerRequests",
        summary: "Streams the requests that a listener is to answer",
        description:
          "Takes the scopes of its creation. Server-sent events: each `event: request` has in `data` the request that would have been sent: `id`, `method`, `headers`, `body` (base64) and `deadline`, until when it can be answered, with `delivery_id`, `event_id`, `event_type`, `attempt` and `repeat`: the listener was handed the delivery before. Send the last event's `id` as `Last-Event-ID` to go on behind it; without one, what is open is sent from the beginning. Post the answer to `/v1/listeners/{listener_id}/answers`.",
        tags,
        params,
        headers: Type.Object({
          "last-event-id": Type.Optional(
            Type.String({ pattern: "^[0-9]{0,18}$", title: "an id that this stream has told" }),
          ),
        }),
        response: {
          200: Type.String({
            description: "Events, for as long as the connection lasts.",
            contentMediaType: "text/event-stream",
          }),
        },
      },
    },
    async (request, reply) => {
      const { caller, params, method } = request;
      requirePayload(caller);
      const key = { teamId: caller.teamId, id: params.listener_id };
      const listener = await findListener(caller.database.sql, key);
      if (!listener) throw new AppError("not_found");
      requireScopeFor(listener.tells, caller);
      reply.headers(streamHeaders);
      if (method === "HEAD") return reply.send("");
      const free = places.take(caller.teamId);
      const gone = new AbortController();
      reply.raw.once("close", () => {
        gone.abort();
        free();
      });
      const events = streamOfRequests({
        ...{ key, sql: caller.database.sql, keyring: deps.keyring, listening: deps.listening },
        after: request.headers["last-event-id"] || "0",
        stop: AbortSignal.any([gone.signal, closing.signal]),
        mayRead: openKeyCheck(deps, request),
      });
      return sendStream(reply, events, deps);
    },
  );

  app.post(
    `${path}/:listener_id/answers`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "answerListenerRequest",
        summary: "Answers a request of a listener",
        description:
          "The answer becomes the attempt of the delivery. The first answer to a request counts; sent again, it changes nothing. One that comes after `deadline`, or after the process that waited for it is gone, is refused with 409 `answer_too_late`; in the second case the request is made again.",
        tags,
        params,
        body: AnswerBody,
        response: { 204: Type.Null() },
      },
    },
    async ({ body, caller, params }, reply) => {
      const { teamId, database } = caller;
      const requestId = body.request_id;
      const answer: ListenerAnswer = {
        status: body.status_code,
        headers: body.headers ?? {},
        body: body.body ?? "",
        durationMs: body.duration_ms,
      };
      const sealed = deps.keyring.seal(
        JSON.stringify(answer),
        listenerAnswerContext(teamId, requestId),
      );
      const key = { teamId, id: params.listener_id, requestId };
      const met = await recordListenerAnswer(database.sql, key, sealed);
      if (met === "unknown") throw new AppError("not_found");
      if (met === "late") throw new AppError("answer_too_late");
      return reply.code(204).send(null);
    },
  );

  app.delete(
    `${path}/:listener_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "deleteListener",
        summary: "Ends a listener: its endpoint is deleted, and what it still had to get is failed",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { teamId, actorId: actor } = request.caller;
      const key = { teamId, id: request.params.listener_id, actor };
      await closeListener(acting(deps, request, "listener.ended"), key);
      return reply.code(204).send(null);
    },
  );
}

/** Refuses callers without the scope `payload`: a listener's requests contain payloads. */
function requirePayload({ scopes }: Caller): void {
  if (scopes.has("payload")) return;
  throw new AppError("scope_missing", "A listener takes the scope `payload` as well.");
}

/** Operational events are for administrators, as operational webhooks are. */
function requireScopeFor(contract: string | undefined, { scopes }: Caller): void {
  if (contract !== operationalWebhooks.name || scopes.has("admin")) return;
  throw new AppError("scope_missing", "Operational events take the scope `admin` as well.");
}

function wishOf(body: CreateBody): ListenerWish {
  const { contract, assistant_id: assistantId, endpoint_id: endpointId } = body;
  const wishes: ListenerWish[] = [
    ...(contract === undefined ? [] : [{ contract }]),
    ...(assistantId === undefined ? [] : [{ assistantId }]),
    ...(endpointId === undefined ? [] : [{ endpointId }]),
  ];
  const [wish] = wishes;
  if (wish !== undefined && wishes.length === 1) return wish;
  const msg = "must name one of contract, assistant_id and endpoint_id";
  throw invalidRequest([{ loc: ["body"], msg, type: "choice" }]);
}
