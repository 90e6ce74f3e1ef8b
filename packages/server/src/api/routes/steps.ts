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
import { StepId, StepReportBody, StepStatusField, stepReported } from "../fact-bodies/steps.ts";
import { nullable, PathId, Timestamp } from "../fields.ts";
import { hiddenField, seesPayloads, shownTo } from "../hidden.ts";
import { askedByPage, pageIn, walkPageFields, walkQuery } from "../paging.ts";
import type { Caller, TypeBox } from "../request.ts";

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
    ...hiddenField,
    output: Type.Unknown(),
    error: Type.Unknown(),
  },
  { title: "Step" },
);

const Envelope = Type.Object({ step: StepAnswer });
const ofRun = Type.Object({ run_id: PathId });
const params = Type.Object({ run_id: PathId, step_id: StepId });
const tags = ["Runs"];
const path = "/workflows/v1/workflow-runs/:run_id/steps";
const privateDocuments =
  "`output` and `error` are null unless the key has the scope `payload`; `hidden` then names those that have a value.";

/** The steps of workflow runs as their platform reports them; every change is a fact. */
export function stepRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.put(
    `${path}/:step_id`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "reportStep",
        summary: "Reports a step's start or end; a report of the present state is a repeat",
        description: `You may report a step only after it has ended. \`started\` after \`failed\` opens its next attempt, and so does a report that names a later \`attempt\`; a report for an earlier attempt is a repeat, and so is \`started\` after the end. Content that differs from the recorded content is refused as \`reported_differently\`. ${privateDocuments}`,
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
      return sendExactJson(reply, envelope(request.caller, step));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listSteps",
        summary:
          "Lists a run's steps by the index of their first report; steps without an index come last",
        description: privateDocuments,
        tags,
        params: ofRun,
        querystring: Type.Object(walkQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ steps: Type.Array(StepAnswer), ...walkPageFields }) },
      },
    },
    async ({ params, query, caller }, reply) => {
      const { teamId } = caller;
      const run = await findRun(caller.database.sql, teamId, params.run_id);
      if (!run) throw new AppError("not_found");
      const filter = { runId: run.id };
      const list = { keyring: deps.keyring, caller, name: "steps", filter };
      const { page, told } = askedByPage(list, query);
      const { rows, ...read } = await listSteps(
        caller.database,
        { teamId, ...filter },
        { ...page, withDocuments: seesPayloads(caller) },
      );
      const steps = rows.map((row) => stepText(caller, openStep(deps.keyring, row.subject), row));
      return sendExactJson(reply, listText("steps", steps, { ...told(read), ...pageIn(query) }));
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
      return sendExactJson(reply, envelope(caller, openStep(deps.keyring, step)));
    },
  );
}

const envelope = (caller: Caller, step: Step): JsonText =>
  joinObject([["step", stepText(caller, step)]]);

function stepText(
  caller: Caller,
  step: Step,
  { documentsOmitted = false, held }: { documentsOmitted?: boolean; held?: readonly string[] } = {},
): JsonText {
  const { members, hidden } = shownTo(caller, { output: step.output, error: step.error }, held);
  return objectText(
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
      ...(documentsOmitted ? { documents_omitted: true } : {}),
      ...hidden,
    },
    members,
  );
}
