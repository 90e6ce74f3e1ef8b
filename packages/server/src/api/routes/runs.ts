import type { FastifyInstance, FastifyRequest } from "fastify";
import Type from "typebox";
import { eraseRun } from "../../actions/erase-subject.ts";
import { openRun } from "../../actions/sealed-state.ts";
import { findRun, listRuns } from "../../db/runs.ts";
import { durationMs } from "../../domain/contracts/workflow-webhooks.ts";
import { reportableRunStatuses } from "../../domain/facts.ts";
import type { JsonText } from "../../domain/json-text.ts";
import type { Run } from "../../domain/lifecycle/run.ts";
import type { Recorded } from "../../domain/world.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../deps.ts";
import { listText, objectText, sendExactJson } from "../exact-json.ts";
import {
  RunStartBody,
  RunTrigger,
  RunUpdateBody,
  runStarted,
  runUpdated,
} from "../fact-bodies/runs.ts";
import { Id, Instant, nullable, PathId, parseInstant, Timestamp } from "../fields.ts";
import { hiddenField, seesPayloads, shownTo } from "../hidden.ts";
import { askedByPage, pageIn, walkPageFields, walkQuery } from "../paging.ts";
import { acting, type Caller, type TypeBox } from "../request.ts";

const Status = Type.Union(
  (["started", ...reportableRunStatuses] as const).map((status) => Type.Literal(status)),
);

const readBeside = [
  ...(["id", "workflow_id", "status", "version_number"] as const),
  ...(["started_at", "completed_at", "created_at", "updated_at"] as const),
] as const;

const RunAnswer = Type.Object(
  {
    id: Type.String(),
    workflow_id: Type.String(),
    status: Status,
    trigger: RunTrigger,
    version_number: Type.Integer(),
    started_at: Timestamp,
    completed_at: nullable(Timestamp),
    duration_ms: nullable(Type.Integer()),
    termination_source: nullable(Type.String()),
    timeout_seconds: nullable(Type.Integer()),
    deadline_at: nullable(Timestamp),
    created_by: Type.String(),
    updated_by: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    documents_omitted: Type.Optional(Type.Literal(true)),
    input: Type.Unknown(),
    ...hiddenField,
    output: Type.Unknown(),
    collected_information: Type.Unknown(),
    error: Type.Unknown(),
  },
  { title: "Run" },
);

/** The run, and the fields that the platform's own SDK reads. */
const Envelope = Type.Object({
  ...Type.Pick(RunAnswer, readBeside).properties,
  run: RunAnswer,
});
const params = Type.Object({ run_id: PathId });
const tags = ["Runs"];
const path = "/workflows/v1/workflow-runs";
const privateDocuments =
  "`input`, `output`, `collected_information` and `error` are null unless the key has the scope `payload`; `hidden` then names those that have a value.";

/** Workflow runs as their platform reports them; every change is a fact. */
export function runRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "startRun",
        summary:
          "Reports that a run started; the same `_id` with the same content is a repeat, other content a 409",
        description: privateDocuments,
        tags,
        body: RunStartBody,
        response: { 200: Envelope, 201: Envelope },
      },
    },
    async (request, reply) => {
      const recorded = await deps.recordFacts(runStarted(request, request.newId));
      reply.code(recorded.outcome === "recorded" ? 201 : 200);
      return sendExactJson(reply, envelope(request, recorded));
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listRuns",
        summary: "Lists runs, newest first",
        description: `${privateDocuments} \`search\` matches the complete id of a run or a workflow. \`start\` is included, \`end\` is not; both are about \`created_at\`.`,
        tags,
        querystring: Type.Object(
          {
            ...walkQuery,
            workflow_id: Type.Optional(Id),
            status: Type.Optional(Status),
            search: Type.Optional(Type.String({ maxLength: 255 })),
            start: Type.Optional(Instant),
            end: Type.Optional(Instant),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ runs: Type.Array(RunAnswer), ...walkPageFields }) },
      },
    },
    async ({ query, caller }, reply) => {
      const withDocuments = seesPayloads(caller);
      const filter = {
        workflowId: query.workflow_id ?? null,
        status: query.status ?? null,
        search: query.search || null,
        start: query.start === undefined ? null : parseInstant(query.start, ["query", "start"]),
        end: query.end === undefined ? null : parseInstant(query.end, ["query", "end"]),
      };
      const list = { keyring: deps.keyring, caller, name: "runs", filter };
      const { page, told } = askedByPage(list, query);
      const { rows, ...read } = await listRuns(caller.lists, caller.teamId, filter, {
        ...page,
        withDocuments,
      });
      const runs = rows.map((row) => runText(caller, openRun(deps.keyring, row.subject), row));
      return sendExactJson(reply, listText("runs", runs, { ...told(read), ...pageIn(query) }));
    },
  );

  app.get(
    `${path}/:run_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getRun",
        summary: "Gets a run",
        description: privateDocuments,
        tags,
        params,
        response: { 200: Envelope },
      },
    },
    async (request, reply) => {
      const { caller, params } = request;
      const run = await findRun(caller.database.sql, caller.teamId, params.run_id);
      if (!run) throw new AppError("not_found");
      return sendExactJson(reply, envelope(request, { run: openRun(deps.keyring, run) }));
    },
  );

  app.delete(
    `${path}/:run_id`,
    {
      config: { scope: "admin" },
      schema: {
        operationId: "eraseRun",
        summary: "Erases a run and everything derived from it, immediately and permanently",
        description:
          "Its steps, events, deliveries and attempts are erased too, in any state. No event is sent. A request that is already on its way to a receiver is not stopped. Only the id stays, in the audit log.",
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { caller, params } = request;
      const subject = { teamId: caller.teamId, id: params.run_id };
      await eraseRun(acting(deps, request, "run.erased"), subject);
      return reply.code(204).send(null);
    },
  );

  app.patch(
    `${path}/:run_id`,
    {
      config: { scope: "publish" },
      schema: {
        operationId: "updateRun",
        summary: "Reports a run's progress or end; a report of the present state is a repeat",
        description: `While a run is not finished, reports may change its content. After its end, reports of the end and of earlier states are repeats if their content is equal; different content is refused as \`reported_differently\`, another end as \`transition_refused\`. ${privateDocuments}`,
        tags,
        params,
        body: RunUpdateBody,
        response: { 200: Envelope },
      },
    },
    async (request, reply) => {
      const recorded = await deps.recordFacts(runUpdated(request, request.params.run_id));
      return sendExactJson(reply, envelope(request, recorded));
    },
  );
}

function envelope(
  { caller }: Pick<FastifyRequest, "caller">,
  { run }: Partial<Recorded>,
): JsonText {
  if (!run) throw new Error("a run fact came back without its run");
  const plain = plainRun(run);
  const beside = Object.fromEntries(readBeside.map((name) => [name, plain[name]]));
  return objectText(beside, { run: runText(caller, run) });
}

const plainRun = (run: Run) => ({
  id: run.id,
  workflow_id: run.workflowId,
  status: run.status,
  trigger: run.trigger,
  version_number: run.versionNumber,
  started_at: run.startedAt,
  completed_at: run.completedAt,
  duration_ms: durationMs(run),
  termination_source: run.terminationSource,
  timeout_seconds: run.timeoutSeconds,
  deadline_at: run.deadlineAt,
  created_by: run.createdBy,
  updated_by: run.updatedBy,
  created_at: run.createdAt,
  updated_at: run.updatedAt,
});

function runText(
  caller: Caller,
  run: Run,
  { documentsOmitted = false, held }: { documentsOmitted?: boolean; held?: readonly string[] } = {},
): JsonText {
  const { input, output, collectedInformation, error } = run;
  const documents = { input, output, collected_information: collectedInformation, error };
  const { members, hidden } = shownTo(caller, documents, held);
  const omitted = documentsOmitted ? { documents_omitted: true } : {};
  return objectText({ ...plainRun(run), ...omitted, ...hidden }, members);
}
