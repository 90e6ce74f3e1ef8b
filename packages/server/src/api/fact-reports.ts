import Type, { type Static } from "typebox";
import type { Fact } from "../domain/facts.ts";
import { type JsonText, jsonMembers } from "../domain/json-text.ts";
import { AppError, type FieldError } from "../errors.ts";
import { idFromSeed } from "../ids.ts";
import { cloudEventIdentity, cloudEventOf } from "./cloud-events.ts";
import { factForms } from "./fact-bodies/fact-types.ts";
import { AnyObject, Instant, nameOf, parseInstant } from "./fields.ts";
import type { Caller } from "./request.ts";
import { invalidRequest, openJudge } from "./validation.ts";

/** One fact of a bulk request as it came: its value, its members' exact text, and where in the body it stands. */
export type FactReport = {
  value: unknown;
  members: ReadonlyMap<string, JsonText>;
  loc: FieldError["loc"];
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

/** What the bodies of a bulk request are, by media type: for the description alone, for each fact is judged by itself. */
export const describedFacts = {
  plain: Type.Union(
    Object.entries(factForms).map(([type, { data }]) =>
      Type.Object(
        { ...PlainFact.properties, type: Type.Literal(type), data },
        { additionalProperties: false },
      ),
    ),
  ),
  cloudEvent: CloudEvent,
};

type Envelope = {
  type: string;
  identity: string | undefined;
  occurredAt: Date | undefined;
};

/** Reads one fact of a bulk request; throws the 422 that is this fact's alone. */
export function readFact(
  report: FactReport,
  form: "plain" | "cloud_event",
  reporter: { caller: Caller; newId: () => string; factIdentity: string | undefined },
): Fact {
  const { caller } = reporter;
  const { type, identity, occurredAt } =
    form === "plain" ? plainEnvelope(report) : cloudEnvelope(report);
  const factForm = factForms[type];
  if (!factForm) throw new Error(`the fact type ${type} has no form`);

  const loc = [...report.loc, "data"];
  const { data: body } = report.value as PlainFact;
  refuseIfAny(factForm.judge(body, loc));
  const text = report.members.get("data");
  if (text === undefined) throw new Error("a judged fact has no data");

  // A fact told again under its identity names what the first one made.
  const freshId = () =>
    identity === undefined
      ? reporter.newId()
      : idFromSeed(
          Math.floor((occurredAt?.getTime() ?? 0) / 1_000),
          ["fact", caller.teamId, identity].join("\n"),
        );
  const fact = relocated(loc, () =>
    factForm.toFact({ caller, body, bodyMembers: jsonMembers(text) }, freshId),
  );
  // Without an identity of its own it has one by the request's key and its place there.
  const { factIdentity } = reporter;
  const byKey = factIdentity && [factIdentity, ...report.loc].join("/");
  return { ...fact, identity: identity ?? byKey, occurredAt: occurredAt ?? fact.occurredAt };
}

function plainEnvelope({ value, loc }: FactReport): Envelope {
  refuseIfAny(judgePlain(value, loc));
  const { type, id, occurred_at } = value as PlainFact;
  return { type, identity: id, occurredAt: readTime(occurred_at, "occurred_at", loc) };
}

function cloudEnvelope({ value, loc }: FactReport): Envelope {
  refuseIfAny(judgeCloudEvent(value, loc));
  const event = value as CloudEvent;
  return {
    type: event.type,
    identity: cloudEventIdentity(event),
    occurredAt: readTime(event.time ?? undefined, "time", loc),
  };
}

const readTime = (
  text: string | undefined,
  name: string,
  loc: FieldError["loc"],
): Date | undefined =>
  text === undefined ? undefined : relocated(loc, () => parseInstant(text, ["body", name]));

/** Runs what speaks of a body of its own, and tells where that body really stands. */
function relocated<T>(loc: FieldError["loc"], read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AppError) || !error.errors) throw error;
    throw invalidRequest(
      error.errors.map((fault) => ({ ...fault, loc: [...loc, ...fault.loc.slice(1)] })),
    );
  }
}

function refuseIfAny(errors: FieldError[]): void {
  if (errors.length > 0) throw invalidRequest(errors);
}
