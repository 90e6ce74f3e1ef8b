import { operationalWebhookPayloads } from "./operational-schemas.ts";
import {
  assistantMessagePayloads,
  organisationWebhookPayloads,
  workflowWebhookPayloads,
} from "./webhook-schemas.ts";

const triedAgain = "Another status, or no answer in time, is retried.";

/** The sections of the description about the contracts' webhooks. */
export const webhookSections = [
  {
    takers: "workflow webhooks subscribed to",
    unanswered: triedAgain,
    payloads: workflowWebhookPayloads,
  },
  {
    takers: "organisation webhooks subscribed to",
    unanswered: triedAgain,
    payloads: organisationWebhookPayloads,
  },
  {
    takers: "the server of a call's assistant for",
    unanswered:
      "Another status, or no answer in time, is a failure: a message is sent at most once.",
    payloads: assistantMessagePayloads,
  },
  {
    takers: "operational webhooks subscribed to",
    unanswered: triedAgain,
    payloads: operationalWebhookPayloads,
  },
];
