import { assistantMessages } from "./contracts/assistant-messages.ts";
import { organisationWebhooks } from "./contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "./contracts/workflow-webhooks.ts";

/** The name under which listeners stand beside the contracts: they tell what another contract tells, to a program that fetches it. */
export const listenerContract = "listener";

const listenable = [workflowWebhooks, organisationWebhooks, assistantMessages];

/** Every event type that a listener can get. */
export const listenerEventTypes: readonly string[] = [
  ...new Set(listenable.flatMap(({ eventTypes }) => eventTypes)),
];

/** The event types of a contract whose events a listener can get; undefined for any other contract. */
export const listenableTypesOf = (contract: string): readonly string[] | undefined =>
  listenable.find(({ name }) => name === contract)?.eventTypes;

/**
 * How a listener is delivered to, whatever it tells: time for a person with a debugger, and retries that are over before
 * the person has forgotten what they tried. A listener whose terminal is away is waited for by them until it has ended.
 */
export const listenerPolicy = { timeoutSeconds: 30, maxRetries: 3, backoffSeconds: 2 } as const;

/** So long after its stream a listener ends. */
export const listenerGraceSeconds = 60;

/** A team may have so many listeners at once. */
export const listenersMax = 20;

/** What a listener sent back for a request. `headers` may name one several times, as a list. */
export type ListenerAnswer = {
  status: number;
  headers: Record<string, string | string[]>;
  body: string;
  durationMs: number;
};

/** The URL that stands in a listener's endpoint and its attempts: nothing is ever posted to it. */
export const listenerUrl = (id: string): string => `listener:${id}`;
