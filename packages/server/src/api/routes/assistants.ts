// Contract C's words: an assistant's server is a subscription, its messages are event types.
import type { FastifyInstance, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import {
  type AssistantPatch,
  type AssistantServerPatch,
  changeAssistant,
  createAssistant,
  endAssistant,
  getAssistant,
} from "../../actions/assistants.ts";
import { listAssistants } from "../../db/assistants.ts";
import {
  assistantMessages,
  assistantMessageTypes,
} from "../../domain/contracts/assistant-messages.ts";
import { Assistant, assistantAnswer } from "../assistant-answer.ts";
import type { ApiDeps } from "../deps.ts";
import { listText, sendExactJson } from "../exact-json.ts";
import { nameOf, nullable, PathId, textOf } from "../fields.ts";
import { askedByPage, walkFields, walkQuery } from "../paging.ts";
import { ReceiverHeaders, ReceiverUrl, receiverHeaders, receiverUrl } from "../receiver.ts";
import { acting, type TypeBox } from "../request.ts";
import { signingSecretRoutes } from "../signing-secret-routes.ts";
import { invalidRequest } from "../validation.ts";

const MessageType = Type.Union(assistantMessageTypes.map((type) => Type.Literal(type)));

const ServerBody = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ default: false })),
    url: Type.Optional(nullable(ReceiverUrl)),
    timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 60, default: 20 })),
    /** It is sent as a header: printable ASCII (RFC 9110 §5.5) without a blank at the beginning or end. */
    secret: Type.Optional(
      nullable(
        Type.String({
          minLength: 1,
          maxLength: 255,
          pattern: "^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$",
          title: "printable ASCII that neither begins nor ends with a blank",
        }),
      ),
    ),
    headers: Type.Optional(nullable(ReceiverHeaders)),
    messages: Type.Optional(
      Type.Array(MessageType, { maxItems: assistantMessageTypes.length, uniqueItems: true }),
    ),
  },
  { additionalProperties: false, title: "AssistantServerChange" },
);

const ownFields = {
  assistantServer: Type.Optional(ServerBody),
  hangTimeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, default: 5 })),
  endReportWaitSeconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 600,
      default: 0,
      description:
        "How long the end-of-call-report waits after `finished` for `/end` with the recording, the cost or the analysis. The report is sent with the first of these details, or when the time is over. Applies to calls that finish from now on.",
    }),
  ),
};

const CreateBody = Type.Object(
  { name: nameOf(255), ...ownFields },
  { additionalProperties: true, title: "AssistantCreate" },
);
const UpdateBody = Type.Object(
  { name: Type.Optional(nameOf(255)), ...ownFields },
  { additionalProperties: true, title: "AssistantUpdate" },
);

/** Members of the answer that come from the service; a caller's document may not use these names. */
const reservedNames = [
  ...["id", "_id", "teamId", "createdAt", "updatedAt", "deletedAt", "createdBy", "updatedBy"],
  "documentOmitted",
];
const knownNames = new Set(Object.keys(CreateBody.properties));

const params = Type.Object({ assistant_id: PathId });
const tags = ["Assistants"];
const path = "/assistants/v1/assistants";
const contract = assistantMessages.name;
const otherMembers =
  "Other members are stored exactly as sent and returned with the assistant, also in its server messages. Together they may be at most 262,144 bytes. A secret and header values are never shown.";

/** Contract C's assistants: create, list, read, change, delete, and the signing secrets of their servers. */
export function assistantRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "write" },
      schema: {
        operationId: "createAssistant",
        summary: "Creates an assistant",
        description: otherMembers,
        tags,
        body: CreateBody,
        response: { 201: Assistant },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      const whose = whoseOf(request, request.newId());
      const created = await createAssistant(acting(deps, request, "assistant.created"), whose, {
        name,
        ...patchOf(request, deps),
      });
      reply.code(201);
      return sendExactJson(reply, assistantAnswer(created));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listAssistants",
        summary: "Lists assistants, newest first; `search` matches a part of the name",
        tags,
        querystring: Type.Object(
          { ...walkQuery, search: Type.Optional(textOf(255)) },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ assistants: Type.Array(Assistant), ...walkFields }) },
      },
    },
    async ({ query, caller }, reply) => {
      const filter = { search: query.search || null };
      const list = { keyring: deps.keyring, caller, name: "assistants", filter };
      const { page, told } = askedByPage(list, query);
      const { rows, ...read } = await listAssistants(caller.database, caller.teamId, filter, page);
      const assistants = rows.map((row) => assistantAnswer(row, row.documentOmitted));
      return sendExactJson(reply, listText("assistants", assistants, told(read)));
    },
  );

  app.get(
    `${path}/:assistant_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getAssistant",
        summary: "Gets an assistant",
        tags,
        params,
        response: { 200: Assistant },
      },
    },
    async ({ params, caller }, reply) => {
      const found = await getAssistant(caller.database.sql, caller.teamId, params.assistant_id);
      return sendExactJson(reply, assistantAnswer(found));
    },
  );

  app.patch(
    `${path}/:assistant_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "updateAssistant",
        summary: "Changes an assistant; a changed server takes effect with the next message",
        description: `Members that you leave out stay as they are, also in \`assistantServer\`. There, null clears \`url\`, \`secret\` and \`headers\`. ${otherMembers}`,
        tags,
        params,
        body: UpdateBody,
        response: { 200: Assistant },
      },
    },
    async (request, reply) => {
      const whose = whoseOf(request, request.params.assistant_id);
      const changing = acting(deps, request, "assistant.updated");
      const changed = await changeAssistant(changing, whose, patchOf(request, deps));
      return sendExactJson(reply, assistantAnswer(changed));
    },
  );

  app.delete(
    `${path}/:assistant_id`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "deleteAssistant",
        summary:
          "Deletes an assistant and ends its pending messages; its running calls send no more messages",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const deleting = acting(deps, request, "assistant.deleted");
      await endAssistant(deleting, whoseOf(request, request.params.assistant_id));
      return reply.code(204).send(null);
    },
  );

  signingSecretRoutes(fastify, deps, {
    path,
    idName: "assistant_id",
    contract,
    resource: "Assistant",
    noun: "assistant",
    tags,
  });
}

const whoseOf = ({ caller }: Pick<FastifyRequest, "caller">, id: string) => ({
  teamId: caller.teamId,
  id,
  actor: caller.actorId,
});

type Given = Pick<FastifyRequest, "bodyMembers"> & { body: Static<typeof UpdateBody> };

function patchOf({ body, bodyMembers }: Given, deps: ApiDeps): AssistantPatch {
  const taken = reservedNames.filter((name) => bodyMembers.has(name));
  if (taken.length > 0) {
    throw invalidRequest(
      taken.map((name) => ({
        loc: ["body", name],
        msg: "is set by the service and cannot be given",
        type: "reserved_field",
      })),
    );
  }
  const { name, hangTimeoutSeconds, endReportWaitSeconds, assistantServer } = body;
  return {
    ...(name !== undefined && { name }),
    ...(hangTimeoutSeconds !== undefined && { hangTimeoutSeconds }),
    ...(endReportWaitSeconds !== undefined && { endReportWaitSeconds }),
    ...(assistantServer !== undefined && { server: serverPatchOf(assistantServer, deps) }),
    members: new Map([...bodyMembers].filter(([member]) => !knownNames.has(member))),
  };
}

function serverPatchOf(
  { url, headers, ...rest }: Static<typeof ServerBody>,
  { config }: ApiDeps,
): AssistantServerPatch {
  const loc = ["body", "assistantServer"];
  return {
    ...rest,
    ...(url !== undefined && { url: url && receiverUrl(url, config, [...loc, "url"]) }),
    ...(headers !== undefined && {
      headers: headers && receiverHeaders(headers, config, [...loc, "headers"]),
    }),
  };
}
