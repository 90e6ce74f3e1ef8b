import { eventTypeLocations } from "./event-locations.ts";
import { contractOfEventType, type EventPayloads } from "./events.gen.ts";

type Verified = {
  /** The event's id: the same on every attempt. Drop duplicates by it. */
  id: string;
  /** When this attempt was signed. */
  timestamp: Date;
};

type Known = {
  [Contract in keyof EventPayloads]: {
    [Type in keyof EventPayloads[Contract]]: Verified & {
      contract: Contract;
      type: Type;
      payload: EventPayloads[Contract][Type];
    };
  }[keyof EventPayloads[Contract]];
}[keyof EventPayloads];

type Unknown = Verified & { contract: "unknown"; type: "unknown"; payload: unknown };

/**
 * A received event: `switch (event.type)` narrows its `payload`; `event.contract` names its contract.
 *
 * `unknown` is an event that this version of the SDK does not know. JavaScript rounds numbers of more than 15 digits: if
 * you need them exactly, read them from the raw body.
 */
export type WebhookEvent = Known | Unknown;

/** The event of one type, such as `WebhookEventOf<"workflow_run_completed">`. */
export type WebhookEventOf<Type extends WebhookEvent["type"]> = Extract<
  WebhookEvent,
  { type: Type }
>;

/** Reads the event in a body whose signature was verified. */
export function readEvent(body: Uint8Array, verified: Verified): WebhookEvent {
  const payload = parseJson(body);
  for (const [contract, place] of Object.entries(eventTypeLocations)) {
    const type = place.reduce(memberOf, payload);
    if (typeof type !== "string" || !Object.hasOwn(contractOfEventType, type)) continue;
    if (contractOfEventType[type as keyof typeof contractOfEventType] !== contract) continue;
    // The signature proves that the service rendered the body by the schema of this type.
    return { ...verified, contract, type, payload } as WebhookEvent;
  }
  return { ...verified, contract: "unknown", type: "unknown", payload };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null;
  return isObject && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
