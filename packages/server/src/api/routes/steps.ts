import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { openStep } from "../../actions/sealed-state.ts";
import { findRun } from "../../db/runs.ts";
import { findStep, listSteps } from "../../db/steps.ts";
import { durationMs } from "../../domain/contracts/workflow-webhooks.ts";
import { type JsonText, joinObject } from "../../domain/json-text.ts";
import type { Step } from "../../domain/lifecycle/step.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../deps.ts";
import { listText, objectText, sendExactJson } from "../exact-json.ts";
import {
  StepReportBody,
  StepStatusField,
  stepIdPattern,
  stepReported,
} from "../fact-bodies/steps.ts";
import { nullable, PathId, Timestamp } from "../fields.ts";
import { pageOf, pageQuery, totalFields } from "../paging.ts";
import type { TypeBox } from "../request.ts";

const StepAnswer = Type.Object(
  {
    id: Type.String(),
    run_id: Type.String(),
    name: Type.String(),
    index: nullable(Type.Integer()),
    attempt: Type.Integer(),
    status: StepStatusField,
    started_at: Timestamp,
    completed_at: nullable(Timestamp),
    duration_ms: nullable(Type.Integer()),
    created_by: Type.String(),
    updated_by: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    documents_omitted: Type.Optional(Type.Literal(true)),
    output: Type.Unknown(),
    error: Type.Unknown(),
  },
  { title: "Step" },
);

const Envelope = Type.Object({ step: StepAnswer });
/** The platform's own name of the step; what is not one is a 404 like any unknown step. */
const StepId = Type.String({ pattern: stepIdPattern });
const ofRun = Type.Object({ run_id: PathId });
const params = Type.Object({ run_id: PathId, step_id: StepId });
const tags = ["Runs"];
const path = "/workflows/v1/workflow-runs/:run_id/steps";
const privateDocuments = "`output` and `error` are null unless the key has the scope `payload`.";

/** The steps of workflow runs as their platform reports them; every change is a fact. */
export function stepRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.put(
    `${path}/:step_id`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "reportStep",
        summary: "Reports a step's start or end; what is already so is a repeat",
        description: `A step may be reported when it is over only. \`started\` after \`failed\` opens its next attempt, and so does a report that names a later \`attempt\`; what is reported for an earlier one is a repeat, and so is \`started\` after the end. Other content than was recorded is refused as \`reported_differently\`. ${privateDocuments}`,
        tags,
        params,
        body: StepReportBody,
        response: { 200: Envelope, 201: Envelope },
      },
    },
    async (request, reply) => {
      const { run_id: runId, step_id: stepId } = request.params;
      const { status } = request.body;
      const { step, stepIsNew } = await deps.recordFacts(
        stepReported(request, { runId, stepId, status }),
      );
      if (!step) throw new Error("a step fact came back without its step");
      reply.code(stepIsNew ? 201 : 200);
      return sendExactJson(reply, envelope(step, request.caller.scopes.has("payload")));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listSteps",
        summary: "Lists a run's steps by their index, those without one last",
        description: privateDocuments,
        tags,
        params: ofRun,
        querystring: Type.Object(pageQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ steps: Type.Array(StepAnswer), ...totalFields }) },
      },
    },
    async ({ params, query, caller }, reply) => {
      const { teamId, scopes } = caller;
      const run = await findRun(caller.database.sql, teamId, params.run_id);
      if (!run) throw new AppError("not_found");
      const withDocuments = scopes.has("payload");
      const { rows, ...total } = await listSteps(
        caller.database,
        { teamId, runId: run.id },
        { ...pageOf(query), withDocuments },
      );
      const steps = rows.map((row) =>
        stepText(openStep(deps.keyring, row.subject), { withDocuments, ...row }),
      );
      return sendExactJson(reply, listText("steps", steps, total));
    },
  );

  app.get(
    `${path}/:step_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getStep",
        summary: "Gets a step of a run",
        description: privateDocuments,
        tags,
        params,
        response: { 200: Envelope },
      },
    },
    async ({ params, caller }, reply) => {
      const step = await findStep(caller.database.sql, {
        teamId: caller.teamId,
        runId: params.run_id,
        id: params.step_id,
      });
      if (!step) throw new AppError("not_found");
      const opened = openStep(deps.keyring, step);
      return sendExactJson(reply, envelope(opened, caller.scopes.has("payload")));
    },
  );
}

const envelope = (step: Step, withDocuments: boolean): JsonText =>
  joinObject([["step", stepText(step, { withDocuments })]]);

const stepText = (
  step: Step,
  shown: { withDocuments: boolean; documentsOmitted?: boolean },
): JsonText =>
  objectText(
    {
      id: step.id,
      run_id: step.runId,
      name: step.name,
      index: step.index,
      attempt: step.attempt,
      status: step.status,
      started_at: step.startedAt,
      completed_at: step.completedAt,
      duration_ms: durationMs(step),
      created_by: step.createdBy,
      updated_by: step.updatedBy,
      created_at: step.createdAt,
      updated_at: step.updatedAt,
      ...(shown.documentsOmitted ? { documents_omitted: true } : {}),
    },
    {
      output: shown.withDocuments ? step.output : null,
      error: shown.withDocuments ? step.error : null,
    },
  );
