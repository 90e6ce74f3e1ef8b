// The public word for a call is conversation.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { eraseCall } from "../../actions/erase-subject.ts";
import { openCall, openMessage } from "../../actions/sealed-state.ts";
import { findCall, listCalls, readMessages } from "../../db/calls.ts";
import { callBytesMax } from "../../domain/call-bytes.ts";
import { AppError } from "../../errors.ts";
import { callIdFromSeed, callIdPattern } from "../../ids.ts";
import {
  CallMessage,
  Conversation,
  ConversationWithMessages,
  callAnswer,
  ListedConversation,
  listedCall,
  Status,
  shownMessage,
} from "../call-answer.ts";
import type { ApiDeps } from "../deps.ts";
import { listText, sendExactJson } from "../exact-json.ts";
import {
  CallCreateBody,
  CallEndBody,
  CallErrorBody,
  CallMessageBody,
  CallStatusBody,
  callCreated,
  callEnded,
  callError,
  callMessage,
  callStatus,
} from "../fact-bodies/calls.ts";
import { Id } from "../fields.ts";
import { askedByPage, walkFields, walkQuery } from "../paging.ts";
import { identityOf } from "../report.ts";
import { acting, type TypeBox } from "../request.ts";

const params = Type.Object({ conversation_id: Type.String({ pattern: callIdPattern }) });
const tags = ["Conversations"];
const path = "/calls/v1/conversations";
const privateFields =
  "Texts and metrics of messages, `metadata`, `recording`, `analysis`, `cost` and `metrics` are null unless the key has the scope `payload`; `hidden` then names those that have a value, on the call and on each message.";
const repeats =
  "A repeat may leave members out. An added or changed member is a 409 `reported_differently`.";

/** Calls as their platform reports them; every change is a fact. */
export function callRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "createConversation",
        summary: "Reports that a call began; the same `id` with the same content is a repeat",
        description: `${repeats} A state that the call has already passed is a repeat. ${privateFields}`,
        tags,
        body: CallCreateBody,
        response: { 200: Conversation, 201: Conversation },
      },
    },
    async (request, reply) => {
      const recorded = await deps.recordFacts(
        callCreated(request, (callType) => callIdFromSeed(callType, request.newId())),
      );
      reply.code(recorded.outcome === "recorded" ? 201 : 200);
      return sendExactJson(reply, callAnswer(request, recorded));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listConversations",
        summary: "Lists calls, newest first, without their messages and documents",
        tags,
        querystring: Type.Object(
          {
            ...walkQuery,
            assistantId: Type.Optional(Id),
            status: Type.Optional(Status),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ conversations: Type.Array(ListedConversation), ...walkFields }),
        },
      },
    },
    async ({ query, caller }, reply) => {
      const filter = { assistantId: query.assistantId ?? null, status: query.status ?? null };
      const list = { keyring: deps.keyring, caller, name: "conversations", filter };
      const { page, told } = askedByPage(list, query);
      const { rows, ...read } = await listCalls(caller.lists, caller.teamId, filter, page);
      const calls = rows.map((call) => listedCall(openCall(deps.keyring, call)));
      return sendExactJson(reply, listText("conversations", calls, told(read)));
    },
  );

  app.get(
    `${path}/:conversation_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getConversation",
        summary: "Gets a call with its messages",
        description: privateFields,
        tags,
        params,
        response: { 200: ConversationWithMessages },
      },
    },
    async (request, reply) => {
      const { caller, params } = request;
      const key = { teamId: caller.teamId, id: params.conversation_id };
      const call = await findCall(caller.database.sql, key.teamId, key.id);
      if (!call) throw new AppError("not_found");
      const messages = await readMessages(caller.database.sql, [key]);
      const { keyring } = deps;
      const opened = messages.map((message) => openMessage(keyring, message));
      return sendExactJson(reply, callAnswer(request, { call: openCall(keyring, call) }, opened));
    },
  );

  app.delete(
    `${path}/:conversation_id`,
    {
      config: { scope: "admin" },
      schema: {
        operationId: "eraseConversation",
        summary: "Erases a call and everything derived from it, immediately and permanently",
        description:
          "Its messages, events, deliveries and attempts are erased too, in any state. No event is sent. A request that is already on its way to a receiver is not stopped. Only the id stays, in the audit log.",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { caller, params } = request;
      const subject = { teamId: caller.teamId, id: params.conversation_id };
      await eraseCall(acting(deps, request, "call.erased"), subject);
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${path}/:conversation_id/status`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "changeConversationStatus",
        summary: "Reports a call's status; a present or past one is a repeat",
        description: `\`finished\` is \`/end\` without details. A report of the present status may change \`phoneCallStatus\` and \`phoneCallStatusReason\`: they are stored, but no event is sent. A report of a past status must have the same values as before; otherwise 409 \`reported_differently\`. ${privateFields}`,
        tags,
        params,
        body: CallStatusBody,
        response: { 200: Conversation },
      },
    },
    async (request, reply) => {
      const fact = callStatus(request, request.params.conversation_id);
      return sendExactJson(reply, callAnswer(request, await deps.recordFacts(fact)));
    },
  );

  app.post(
    `${path}/:conversation_id/messages`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "addConversationMessage",
        summary:
          "Reports a message of a call; the same `messageId` with the same content is a repeat",
        description: `${repeats} Report each message once, in its final form: a partial transcript cannot be corrected. The size of a call is limited (413 \`body_too_large\`): its own content may be at most ${callBytesMax} bytes in its report. The answer is the stored message. ${privateFields}`,
        tags,
        params,
        body: CallMessageBody,
        response: { 200: CallMessage, 201: CallMessage },
      },
    },
    async (request, reply) => {
      const fact = callMessage(request, request.params.conversation_id);
      // The message has no id of its own: with the id from the Idempotency-Key, a repeat finds it.
      fact.data.messageId ??= request.factIdentity ?? null;
      const { outcome, message } = await deps.recordFacts(fact);
      if (!message) throw new Error("a message fact came back without its message");
      reply.code(outcome === "recorded" ? 201 : 200);
      return sendExactJson(reply, shownMessage(request, message));
    },
  );

  app.post(
    `${path}/:conversation_id/errors`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "reportConversationError",
        summary: "Reports a failure of the language model or the speech recognition",
        description: `Each report counts as a new failure. Send an Idempotency-Key to repeat a report safely. ${privateFields}`,
        tags,
        params,
        body: CallErrorBody,
        response: { 201: Conversation },
      },
    },
    async (request, reply) => {
      const { caller, params } = request;
      const fact = callError(request, params.conversation_id);
      const recorded = await deps.recordFacts({ ...fact, identity: identityOf(request) });
      // A repeat of the error gets the call as it is now.
      const call =
        recorded.call ??
        (await findCall(caller.database.sql, caller.teamId, params.conversation_id));
      reply.code(201);
      return sendExactJson(reply, callAnswer(request, call ? { call } : {}));
    },
  );

  app.post(
    `${path}/:conversation_id/end`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "endConversation",
        summary:
          "Reports that a call ended, with details that only its platform knows; the same report again is a repeat",
        description: `You may send details later, while the call's report waits for them (\`endReportWaitSeconds\` of the assistant). After the report was sent, new details are a 409 \`report_sent\`. Changed details are always a 409 \`reported_differently\`. Null counts as left out until the member has a value. ${privateFields}`,
        tags,
        params,
        body: CallEndBody,
        response: { 200: Conversation },
      },
    },
    async (request, reply) => {
      const fact = callEnded(request, request.params.conversation_id);
      return sendExactJson(reply, callAnswer(request, await deps.recordFacts(fact)));
    },
  );
}
