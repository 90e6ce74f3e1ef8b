import { assistantMessages } from "./contracts/assistant-messages.ts";
import type { Contract } from "./contracts/contract.ts";
import { operationalWebhooks } from "./contracts/operational-webhooks.ts";
import { organisationWebhooks } from "./contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "./contracts/workflow-webhooks.ts";

/** The contract name of listeners. A listener gets the events of another contract; a program fetches them. */
export const listenerContract = "listener";

/** Only webhooks for all teams get `backlog.growing`, and a listener is one team's. */
const operational = {
  name: operationalWebhooks.name,
  eventTypes: operationalWebhooks.eventTypes.filter((type) => type !== "backlog.growing"),
};

const listenable: readonly Pick<Contract, "name" | "eventTypes">[] = [
  workflowWebhooks,
  organisationWebhooks,
  assistantMessages,
  operational,
];

/** Every event type that a listener can get. */
export const listenerEventTypes: readonly string[] = [
  ...new Set(listenable.flatMap(({ eventTypes }) => eventTypes)),
];

/** The event types of a contract whose events a listener can get; undefined for any other contract. */
export const listenableTypesOf = (contract: string): readonly string[] | undefined =>
  listenable.find(({ name }) => name === contract)?.eventTypes;

/**
 * The policy of a listener's deliveries, whatever its contract: enough time for a person with a debugger, and retries
 * that are over soon. If the listener's terminal is away, the retries cover the time until the listener ends.
 */
export const listenerPolicy = { timeoutSeconds: 30, maxRetries: 3, backoffSeconds: 2 } as const;

/** Seconds after the end of its stream until a listener ends. */
export const listenerGraceSeconds = 60;

/** The most listeners that a team may have at once. */
export const listenersMax = 20;

/** A listener's answer to a request. A header with several values has a list in `headers`. */
export type ListenerAnswer = {
  status: number;
  headers: Record<string, string | string[]>;
  body: string;
  durationMs: number;
};

/** The URL that a listener's endpoint and attempts show. Nothing is ever posted to it. */
export const listenerUrl = (id: string): string => `listener:${id}`;
