import type { FastifyInstance, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { documentBytesMax } from "../../domain/contracts/contract.ts";
import { type Fact, subjectOf } from "../../domain/facts.ts";
import { type JsonText, joinObject, jsonItems, jsonMembers } from "../../domain/json-text.ts";
import { AppError, describeError, type FieldError } from "../../errors.ts";
import { acceptJson } from "../body.ts";
import {
  binaryAttributes,
  binaryLocation,
  cloudEventBatchType,
  cloudEventType,
  isBinaryMode,
} from "../cloud-events.ts";
import type { ApiDeps } from "../deps.ts";
import { describedFacts, type FactReport, located, readFact } from "../fact-reports.ts";
import { nullable } from "../fields.ts";
import { toAppError } from "../problem.ts";
import { invalidRequest, openJudge } from "../validation.ts";

const factsMax = 1_000;
const batchBytesMax = documentBytesMax;

const listOfFacts = { minItems: 1, maxItems: factsMax };
const judgeFrame = openJudge(
  Type.Object({ facts: Type.Array(Type.Unknown(), listOfFacts) }, { additionalProperties: false }),
);
const judgeBatch = openJudge(Type.Array(Type.Unknown(), listOfFacts));

const Result = Type.Object(
  {
    index: Type.Integer(),
    status: Type.Union([
      Type.Literal("recorded"),
      Type.Literal("repeated"),
      Type.Literal("refused"),
    ]),
    id: nullable(
      Type.String({
        description:
          "The fact's workflow, version, run, step or call. Null if the fact was refused.",
      }),
    ),
    error: Type.Optional(
      Type.Object({
        code: Type.String(),
        title: Type.String(),
        detail: Type.String(),
        errors: Type.Optional(
          Type.Array(
            Type.Object({
              loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
              msg: Type.String(),
              type: Type.String(),
            }),
          ),
        ),
      }),
    ),
  },
  { title: "FactResult" },
);
type Result = Static<typeof Result>;

const FactList = Type.Object(
  { facts: Type.Array(describedFacts.plain, listOfFacts) },
  { additionalProperties: false, title: "FactList" },
);

const description = [
  "`data` is the body of the route that a fact stands for, plus the ids of that route's path. `occurred_at` beside `data` replaces the one inside. The accepted facts are recorded in one transaction. A body may be at most 1 MiB.",
  "A fact with an `id` (as a CloudEvent: `source` and `id`) is recorded once, however often it is sent within 30 days. It names one fact of one type: the same report again, or with fewer members, is `repeated`; under the same `id` another type, subject, time or content is refused as `reported_differently`, with the names of the members that differ.",
  "A list or a batch is answered 200 with a result for each fact. One CloudEvent that is refused is answered with its refusal, as any other route would.",
  'One CloudEvent may come in binary mode too: `Content-Type: application/json`, the headers `ce-specversion`, `ce-type`, `ce-id`, `ce-source` and, if known, `ce-time`, percent-encoded where they are not ASCII, and the data as the body. For example `ce-specversion: 1.0`, `ce-type: run.updated`, `ce-id: 7c1f`, `ce-source: /platform/eu-1` and the body `{"run_id": "6b0c3f2a9d4e5f6071829304", "status": "completed"}`. The content type decides: beside a CloudEvent in the body, such headers are not read.',
].join("\n\n");

const exampleFact = {
  type: "run.updated",
  id: "7c1f",
  occurred_at: "2026-11-21T10:30:00Z",
  data: { run_id: "6b0c3f2a9d4e5f6071829304", status: "completed", output: { ok: true } },
};
const exampleEvent = {
  specversion: "1.0",
  type: exampleFact.type,
  id: exampleFact.id,
  source: "/platform/eu-1",
  time: exampleFact.occurred_at,
  data: exampleFact.data,
};

/** Facts of all types, in bulk; each is validated and recorded separately. */
export function factRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  // In its own plugin: no other route accepts CloudEvents.
  fastify.register(async (app) => {
    acceptJson(app, cloudEventType);
    acceptJson(app, cloudEventBatchType, { lists: true });

    app.post(
      "/v1/facts",
      {
        config: { scope: "publish" },
        bodyLimit: batchBytesMax,
        // An invalid fact must not refuse the others: the handler validates them one by one.
        validatorCompiler: () => () => true,
        schema: {
          operationId: "reportFacts",
          summary: "Reports up to 1,000 facts in order; each is recorded or refused individually",
          description,
          tags: ["Facts"],
          body: {
            content: {
              "application/json": { schema: FactList, example: { facts: [exampleFact] } },
              [cloudEventType]: { schema: describedFacts.cloudEvent, example: exampleEvent },
              [cloudEventBatchType]: {
                schema: Type.Array(describedFacts.cloudEvent, listOfFacts),
                example: [exampleEvent],
              },
            },
          },
          response: { 200: Type.Object({ results: Type.Array(Result) }) },
        },
      },
      (request) => answer(request, deps),
    );
  });
}

async function answer(request: FastifyRequest, deps: ApiDeps): Promise<{ results: Result[] }> {
  const { alone, reports } = reportsOf(request);
  const judged = reports.map((report) => read(report, request));
  const facts = judged.flatMap((one) => ("fact" in one ? [one.fact] : []));
  const settled = (facts.length === 0 ? [] : await deps.recordAllFacts(facts)).values();
  const results = judged.map((one, index): Result => {
    if ("error" in one) return refusal(index, one.error, alone);
    const outcome = settled.next().value;
    if (!outcome) throw new Error("a fact came back without its outcome");
    if ("error" in outcome) {
      return refusal(index, located(toAppError(outcome.error), one.report), alone);
    }
    const { outcome: status, subjectId } = outcome.result;
    return { index, status, id: subjectId ?? subjectOf(one.fact) };
  });
  return { results };
}

type Reports = { alone: boolean; reports: FactReport[] };

/** Splits a request into its facts, by its media type; `alone`: it has one fact. */
function reportsOf({ body, bodyMembers, headers }: FastifyRequest): Reports {
  const mediaType = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType === cloudEventType) {
    const locate = (path: FieldError["loc"]) => ["body", ...path];
    const form = "cloud_event";
    return { alone: true, reports: [{ form, value: body, members: bodyMembers, locate }] };
  }
  if (mediaType === cloudEventBatchType) {
    const faults = judgeBatch(body, ["body"]);
    if (faults.length > 0) throw invalidRequest(faults);
    const texts = [...bodyMembers.values()];
    const reports = reportsIn("cloud_event", body as unknown[], texts, ["body"]);
    return { alone: false, reports };
  }
  if (isBinaryMode(headers)) {
    const value = { ...binaryAttributes(headers), data: body ?? {} };
    const members = new Map([["data", joinObject(bodyMembers)]]);
    const report = { form: "cloud_event", value, members, locate: binaryLocation } as const;
    return { alone: true, reports: [report] };
  }
  const given = body ?? {};
  const faults = judgeFrame(given, ["body"]);
  if (faults.length > 0) throw invalidRequest(faults);
  const list = bodyMembers.get("facts");
  const texts = list === undefined ? [] : jsonItems(list);
  const { facts } = given as { facts: unknown[] };
  return { alone: false, reports: reportsIn("plain", facts, texts, ["body", "facts"]) };
}

const reportsIn = (
  form: FactReport["form"],
  values: readonly unknown[],
  texts: readonly JsonText[],
  loc: FieldError["loc"],
): FactReport[] =>
  values.map((value, index) => {
    const text = texts[index];
    if (text === undefined) throw new Error("a fact has no text");
    const locate = (path: FieldError["loc"]) => [...loc, index, ...path];
    return { form, value, members: jsonMembers(text), locate };
  });

type Read = { report: FactReport } & ({ fact: Fact } | { error: AppError });

function read(report: FactReport, reporter: FastifyRequest): Read {
  try {
    return { report, fact: readFact(report, reporter) };
  } catch (error) {
    if (error instanceof AppError) return { report, error: located(error, report) };
    throw error;
  }
}

/** Converts a refusal to a result of the list; the refusal of a single fact is thrown as the answer. */
function refusal(index: number, refused: AppError, alone: boolean): Result {
  if (alone) throw refused;
  const { code, detail, errors } = refused;
  const { title } = describeError(code);
  return {
    index,
    status: "refused",
    id: null,
    error: { code, title, detail: detail ?? title, ...(errors ? { errors } : {}) },
  };
}
