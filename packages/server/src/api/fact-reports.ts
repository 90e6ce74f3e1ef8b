import Type, { type Static, type TObject, type TUnion } from "typebox";
import type { Fact, FactContent } from "../domain/facts.ts";
import { type JsonText, jsonMembers, jsonText } from "../domain/json-text.ts";
import { AppError, type FieldError } from "../errors.ts";
import { idFromSeed } from "../ids.ts";
import { cloudEventIdentity, cloudEventOf } from "./cloud-events.ts";
import { factForms } from "./fact-bodies/fact-types.ts";
import { AnyObject, Instant, nameOf, parseInstant } from "./fields.ts";
import type { Caller } from "./request.ts";
import { invalidRequest, openJudge } from "./validation.ts";

/** One reported fact: its value, its members' exact text, and their places in the request. */
export type FactReport = {
  form: "plain" | "cloud_event";
  value: unknown;
  members: ReadonlyMap<string, JsonText>;
  /** Converts a path within the fact to its place in the request. */
  locate: (path: FieldError["loc"]) => FieldError["loc"];
};

const types = Object.keys(factForms);

const PlainFact = Type.Object(
  {
    type: Type.Union(types.map((type) => Type.Literal(type))),
    id: Type.Optional(nameOf(255)),
    occurred_at: Type.Optional(Instant),
    data: AnyObject,
  },
  { additionalProperties: false },
);
type PlainFact = Static<typeof PlainFact>;

const CloudEvent = cloudEventOf(types);
type CloudEvent = Static<typeof CloudEvent>;

const judgePlain = openJudge(PlainFact);
const judgeCloudEvent = openJudge(CloudEvent);

/** The bodies of a request by media type. Only for the description: each fact is validated separately. */
export const describedFacts = {
  plain: describedAs(PlainFact, "Fact"),
  cloudEvent: describedAs(CloudEvent, "CloudEvent"),
};

/** Describes every type of fact in one form; the data of a type is described once for all forms. */
function describedAs({ properties, ...options }: TObject, form: string): TUnion {
  return Type.Union(
    Object.entries(factForms).map(([type, { data }]) => {
      const name = type.replace(".", "_");
      const named =
        "title" in data ? data : Type.Object(data.properties, { ...data, title: `Data_${name}` });
      const own = { ...properties, type: Type.Literal(type), data: named };
      return Type.Object(own, { ...options, title: `${form}_${name}` });
    }),
  );
}

type Envelope = {
  type: string;
  name: string | undefined;
  occurredAt: Date | undefined;
};

type Reporter = { caller: Caller; newId: () => string; factIdentity: string | undefined };

/** Reads one fact of a bulk request; throws the 422 of this fact alone. */
export function readFact(report: FactReport, reporter: Reporter): Fact {
  const { caller } = reporter;
  const envelope = report.form === "plain" ? plainEnvelope(report) : cloudEnvelope(report);
  const { type, name } = envelope;
  const factForm = factForms[type];
  if (!factForm) throw new Error(`the fact type ${type} has no form`);

  const { data: body } = report.value as PlainFact;
  refuseIfAny(factForm.judge(body, ["fact", "data"]));
  const text = report.members.get("data");
  if (text === undefined) throw new Error("a judged fact has no data");
  const bodyMembers = jsonMembers(text);

  // A repeated fact with the same identity gets the id that the first one made.
  const freshId = () =>
    name === undefined
      ? reporter.newId()
      : idFromSeed(
          Math.floor((envelope.occurredAt?.getTime() ?? 0) / 1_000),
          ["fact", caller.teamId, name].join("\n"),
        );
  const fact = factForm.toFact({ caller, body, bodyMembers }, freshId);
  const occurredAt = envelope.occurredAt ?? fact.occurredAt;
  // Without its own identity, the fact is identified by the request's Idempotency-Key and its index.
  const { factIdentity } = reporter;
  const byKey = factIdentity && [factIdentity, ...report.locate([])].join("/");
  const known = name ?? byKey;
  if (known === undefined) return { ...fact, occurredAt };
  const content = contentOf(report.form, type, occurredAt, bodyMembers);
  return { ...fact, occurredAt, identity: { name: known, content, within: "fact" } };
}

/** The content of a fact, whether its time is in its data or beside it. */
function contentOf(
  form: FactReport["form"],
  type: string,
  occurredAt: Date | undefined,
  data: ReadonlyMap<string, JsonText>,
): FactContent {
  const content = new Map([["type", jsonText(type)]]);
  if (occurredAt) content.set(form === "plain" ? "occurred_at" : "time", jsonText(occurredAt));
  for (const [name, text] of data) {
    if (name !== "occurred_at" && name !== "occurredAt") content.set(`data.${name}`, text);
  }
  return content;
}

function plainEnvelope({ value }: FactReport): Envelope {
  refuseIfAny(judgePlain(value, ["fact"]));
  const { type, id, occurred_at } = value as PlainFact;
  return { type, name: id, occurredAt: readTime(occurred_at, "occurred_at") };
}

function cloudEnvelope({ value }: FactReport): Envelope {
  refuseIfAny(judgeCloudEvent(value, ["fact"]));
  const event = value as CloudEvent;
  return {
    type: event.type,
    name: cloudEventIdentity(event),
    occurredAt: readTime(event.time ?? undefined, "time"),
  };
}

const readTime = (text: string | undefined, name: string): Date | undefined =>
  text === undefined ? undefined : parseInstant(text, ["fact", name]);

/** Converts the locations of a refusal from the fact to the request. */
export function located(error: AppError, { locate }: FactReport): AppError {
  if (!error.errors) return error;
  const errors = error.errors.map((fault) => {
    const [place, ...path] = fault.loc;
    if (place === "fact") return { ...fault, loc: locate(path) };
    return place === "body" ? { ...fault, loc: locate(["data", ...path]) } : fault;
  });
  return error.code === "invalid_request"
    ? invalidRequest(errors)
    : new AppError(error.code, error.detail, errors);
}

function refuseIfAny(errors: FieldError[]): void {
  if (errors.length > 0) throw invalidRequest(errors);
}
