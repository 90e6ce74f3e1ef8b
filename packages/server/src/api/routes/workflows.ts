import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { findWorkflow, listWorkflows } from "../../db/workflows.ts";
import { type JsonText, joinObject } from "../../domain/json-text.ts";
import type { Workflow } from "../../domain/lifecycle/workflow.ts";
import type { Recorded } from "../../domain/world.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../deps.ts";
import { listText, objectText, sendExactJson } from "../exact-json.ts";
import {
  VersionActivateBody,
  VersionCreateBody,
  versionActivated,
  versionCreated,
  WorkflowCreateBody,
  WorkflowUpdateBody,
  workflowCreated,
  workflowDeleted,
  workflowUpdated,
} from "../fact-bodies/workflows.ts";
import { AnyObject, nullable, PathId, Timestamp, textOf } from "../fields.ts";
import { askedByPage, pageIn, walkPageFields, walkQuery } from "../paging.ts";
import type { TypeBox } from "../request.ts";

const WorkflowAnswer = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: nullable(Type.String()),
    version_number: Type.Integer(),
    version_name: nullable(Type.String()),
    revision: Type.Integer(),
    created_by: Type.String(),
    updated_by: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    documents_omitted: Type.Optional(Type.Literal(true)),
    configuration: nullable(AnyObject),
    settings: nullable(AnyObject),
  },
  { title: "Workflow" },
);

/** A version's number and name, as the platform's own SDK calls them. */
const versionNames = { version_number: Type.Integer(), version_name: nullable(Type.String()) };
const Version = Type.Object(
  { id: Type.String(), number: Type.Integer(), name: nullable(Type.String()), ...versionNames },
  { title: "WorkflowVersion" },
);

const Envelope = Type.Object({ workflow: WorkflowAnswer });
const VersionEnvelope = Type.Object({
  ...versionNames,
  workflow: WorkflowAnswer,
  version: Version,
});

const params = Type.Object({ workflow_id: PathId });
const versionParams = Type.Object({
  workflow_id: PathId,
  number: Type.String({ pattern: "^[1-9][0-9]{0,8}$" }),
});
const tags = ["Workflows"];
const path = "/workflows/v1/workflows";

/** Workflows as their platform reports them; every change is a fact. */
export function workflowRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "createWorkflow",
        summary:
          "Reports a new workflow; the same `_id` with the same content is a repeat, other content a 409",
        tags,
        body: WorkflowCreateBody,
        response: { 200: Envelope, 201: Envelope },
      },
    },
    async (request, reply) => {
      const recorded = await deps.recordFacts(workflowCreated(request, request.newId));
      reply.code(recorded.outcome === "recorded" ? 201 : 200);
      return sendExactJson(reply, envelope(recorded));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listWorkflows",
        summary: "Lists workflows, newest first",
        tags,
        querystring: Type.Object(
          { ...walkQuery, search: Type.Optional(textOf(255)) },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ workflows: Type.Array(WorkflowAnswer), ...walkPageFields }),
        },
      },
    },
    async ({ query, caller }, reply) => {
      const filter = { search: query.search || null };
      const list = { keyring: deps.keyring, caller, name: "workflows", filter };
      const { page, told } = askedByPage(list, query);
      const { rows, ...read } = await listWorkflows(caller.database, caller.teamId, filter, page);
      const workflows = rows.map((row) => workflowText(row.subject, row.documentsOmitted));
      return sendExactJson(
        reply,
        listText("workflows", workflows, { ...told(read), ...pageIn(query) }),
      );
    },
  );

  app.get(
    `${path}/:workflow_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getWorkflow",
        summary: "Gets a workflow",
        tags,
        params,
        response: { 200: Envelope },
      },
    },
    async ({ params, caller }, reply) => {
      const workflow = await findWorkflow(caller.database.sql, caller.teamId, params.workflow_id);
      if (!workflow) throw new AppError("not_found");
      return sendExactJson(reply, envelope({ workflow }));
    },
  );

  app.patch(
    `${path}/:workflow_id`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "updateWorkflow",
        summary: "Reports changes of a workflow; a report without a change is a repeat",
        tags,
        params,
        body: WorkflowUpdateBody,
        response: { 200: Envelope },
      },
    },
    async (request, reply) => {
      const recorded = await deps.recordFacts(workflowUpdated(request, request.params.workflow_id));
      return sendExactJson(reply, envelope(recorded));
    },
  );

  app.delete(
    `${path}/:workflow_id`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "deleteWorkflow",
        summary: "Reports that a workflow was deleted; its unfinished runs are cancelled first",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await deps.recordFacts(
        workflowDeleted({ caller: request.caller }, request.params.workflow_id),
      );
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${path}/:workflow_id/versions`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "createWorkflowVersion",
        summary:
          "Reports a new version; the same `_id` with the same content is a repeat, other content a 409",
        tags,
        params,
        body: VersionCreateBody,
        response: { 200: VersionEnvelope, 201: VersionEnvelope },
      },
    },
    async (request, reply) => {
      const recorded = await deps.recordFacts(
        versionCreated(request, request.params.workflow_id, request.newId),
      );
      reply.code(recorded.outcome === "recorded" ? 201 : 200);
      return sendExactJson(reply, envelope(recorded));
    },
  );

  app.post(
    `${path}/:workflow_id/versions/:number/activate`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "activateWorkflowVersion",
        summary: "Reports that a version became active",
        tags,
        params: versionParams,
        body: VersionActivateBody,
        response: { 200: Envelope },
      },
    },
    async (request, reply) => {
      const { workflow_id, number } = request.params;
      const recorded = await deps.recordFacts(
        versionActivated(request, workflow_id, Number(number)),
      );
      return sendExactJson(reply, envelope(recorded));
    },
  );
}

function envelope({ workflow, version }: Partial<Recorded>): JsonText {
  if (!workflow) throw new Error("a workflow fact came back without its workflow");
  if (!version) return joinObject([["workflow", workflowText(workflow)]]);
  const { id, number, name } = version;
  const names = { version_number: number, version_name: name };
  return objectText(names, {
    workflow: workflowText(workflow),
    version: objectText({ id, number, name, ...names }),
  });
}

const workflowText = (workflow: Workflow, documentsOmitted = false): JsonText =>
  objectText(
    {
      id: workflow.id,
      name: workflow.name,
      description: workflow.description,
      version_number: workflow.versionNumber,
      version_name: workflow.versionName,
      revision: workflow.revision,
      created_by: workflow.createdBy,
      updated_by: workflow.updatedBy,
      created_at: workflow.createdAt,
      updated_at: workflow.updatedAt,
      ...(documentsOmitted ? { documents_omitted: true } : {}),
    },
    { configuration: workflow.configuration, settings: workflow.settings },
  );
