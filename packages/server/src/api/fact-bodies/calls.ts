import Type, { type Static } from "typebox";
import {
  type CallEnd,
  callDirections,
  callErrorTypes,
  callStatuses,
  callTypes,
  messageRoles,
} from "../../domain/facts.ts";
import { durationMsMax } from "../../domain/lifecycle/call.ts";
import { callIdPattern } from "../../ids.ts";
import { allBut, controls } from "../characters.ts";
import { bodyDocument } from "../exact-json.ts";
import { Id, Instant, nullable, textOf } from "../fields.ts";
import { reportOf } from "../report.ts";
import { invalidRequest } from "../validation.ts";
import type { FactOf, Told } from "./told.ts";

const choice = <Word extends string>(words: readonly Word[]) =>
  Type.Union(words.map((word) => Type.Literal(word)));
const word = (maxLength = 255) => Type.Optional(nullable(textOf(maxLength)));

/** A call's id: `WC-<uuid>` (web) or `CC-<uuid>` (phone). */
export const CallId = Type.String({
  pattern: callIdPattern,
  title: "WC- or CC- and a UUID in lower case",
});

/** Unix milliseconds, up to the end of the year 9999. */
const UnixMs = Type.Integer({ minimum: 0, maximum: 253_402_300_799_999 });
const occurredAt = Type.Optional(Instant);

export const CallCreateBody = Type.Object(
  {
    id: Type.Optional(CallId),
    assistantId: Id,
    callType: Type.Optional(
      Type.Union(
        callTypes.map((type) => Type.Literal(type)),
        { default: "phone", description: "By default, the prefix of `id` decides." },
      ),
    ),
    direction: Type.Optional(
      Type.Union(
        callDirections.map((direction) => Type.Literal(direction)),
        { default: "outbound" },
      ),
    ),
    status: Type.Optional(choice(["queued", "ongoing"])),
    userNumber: word(64),
    assistantNumber: word(64),
    phoneProvider: word(),
    metadata: Type.Optional(Type.Unknown()),
    occurredAt,
  },
  { additionalProperties: false, title: "CallCreate" },
);

export const CallStatusBody = Type.Object(
  {
    status: choice(callStatuses),
    phoneCallStatus: word(),
    phoneCallStatusReason: word(),
    occurredAt,
  },
  { additionalProperties: false, title: "CallStatus" },
);

export const CallMessageBody = Type.Object(
  {
    messageId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        pattern: `^${allBut(controls)}*$`,
        title: "a text of one line",
      }),
    ),
    role: choice(messageRoles),
    text: textOf(32 * 1024),
    timestamp: Type.Optional(UnixMs),
    metrics: Type.Optional(Type.Unknown()),
    occurredAt,
  },
  { additionalProperties: false, title: "CallMessageReport" },
);

export const CallErrorBody = Type.Object(
  {
    type: choice(callErrorTypes),
    code: word(),
    message: word(4096),
    provider: word(),
    retryable: Type.Optional(nullable(Type.Boolean())),
    occurredAt,
  },
  { additionalProperties: false, title: "CallError" },
);

export const CallEndBody = Type.Object(
  {
    phoneCallStatus: word(),
    phoneCallStatusReason: word(),
    callEndTriggerBy: word(),
    assistantCallDuration: Type.Optional(
      nullable(Type.Integer({ minimum: 0, maximum: durationMsMax })),
    ),
    recording: Type.Optional(Type.Unknown()),
    analysis: Type.Optional(Type.Unknown()),
    cost: Type.Optional(Type.Unknown()),
    metrics: Type.Optional(Type.Unknown()),
    occurredAt,
  },
  { additionalProperties: false, title: "CallEnd" },
);

/** Makes the fact that a call began; `freshId` makes its id if the body has none. */
export function callCreated(
  told: Told<Static<typeof CallCreateBody>>,
  freshId: (callType: "web" | "phone") => string,
): FactOf<"call.created"> {
  const { id, assistantId, direction, status, userNumber, assistantNumber, phoneProvider } =
    told.body;
  const callType = told.body.callType ?? (id?.startsWith("WC-") ? "web" : "phone");
  if (id !== undefined && !id.startsWith(callType === "web" ? "WC-" : "CC-")) {
    const msg = "must begin with WC- for a web call and with CC- for a phone call";
    throw invalidRequest([{ loc: ["body", "id"], msg, type: "conflict" }]);
  }
  const metadata = bodyDocument(told, "metadata");
  const said = { direction, status, userNumber, assistantNumber, phoneProvider, metadata };
  return {
    type: "call.created",
    ...reportedAt(told),
    callId: id ?? freshId(callType),
    assistantId,
    data: { callType, ...given(said) },
  };
}

/** Makes the fact that a call's status changed; `finished` ends it without details. */
export function callStatus(
  told: Told<Static<typeof CallStatusBody>>,
  callId: string,
): FactOf<"call.status"> {
  const { status, phoneCallStatus, phoneCallStatusReason } = told.body;
  const data = { status, ...given({ phoneCallStatus, phoneCallStatusReason }) };
  return { type: "call.status", ...reportedAt(told), callId, data };
}

/** Makes the fact that a message was spoken. */
export function callMessage(
  told: Told<Static<typeof CallMessageBody>>,
  callId: string,
): FactOf<"call.message"> {
  const { body } = told;
  return {
    type: "call.message",
    ...reportedAt(told),
    callId,
    data: {
      messageId: body.messageId ?? null,
      role: body.role,
      text: body.text,
      timestampMs: body.timestamp ?? null,
      ...given({ metrics: bodyDocument(told, "metrics") }),
    },
  };
}

/** Makes the fact that the language model or the speech recognition failed. */
export function callError(
  told: Told<Static<typeof CallErrorBody>>,
  callId: string,
): FactOf<"call.error"> {
  const { body } = told;
  return {
    type: "call.error",
    ...reportedAt(told),
    callId,
    data: {
      type: body.type,
      code: body.code ?? null,
      message: body.message ?? null,
      provider: body.provider ?? null,
      retryable: body.retryable ?? null,
    },
  };
}

/** Makes the fact that a call ended, with the details that only its platform knows. */
export function callEnded(
  told: Told<Static<typeof CallEndBody>>,
  callId: string,
): FactOf<"call.ended"> {
  const { phoneCallStatus, phoneCallStatusReason, callEndTriggerBy } = told.body;
  const data: CallEnd = given({
    phoneCallStatus,
    phoneCallStatusReason,
    callEndTriggerBy,
    durationMs: told.body.assistantCallDuration,
    recording: bodyDocument(told, "recording"),
    analysis: bodyDocument(told, "analysis"),
    cost: bodyDocument(told, "cost"),
    metrics: bodyDocument(told, "metrics"),
  });
  return { type: "call.ended", ...reportedAt(told), callId, data };
}

/** The bodies of calls use camel case, also for the time of occurrence. */
const reportedAt = (told: Told<{ occurredAt?: string }>) =>
  reportOf(told, told.body.occurredAt === undefined ? {} : { occurred_at: told.body.occurredAt });

type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Leaves out members that were not given. */
const given = <Fields extends object>(fields: Fields): Given<Fields> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<Fields>;
