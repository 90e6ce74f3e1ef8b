import { operationalWebhookPayloads } from "./operational-schemas.ts";
import {
  assistantMessagePayloads,
  organisationWebhookPayloads,
  workflowWebhookPayloads,
} from "./webhook-schemas.ts";

const triedAgain = "Anything else, or no answer in time, is tried again.";

/** What the contracts post, and to whom. */
export const webhookSections = [
  {
    takers: "workflow webhooks that want",
    unanswered: triedAgain,
    payloads: workflowWebhookPayloads,
  },
  {
    takers: "organisation webhooks that want",
    unanswered: triedAgain,
    payloads: organisationWebhookPayloads,
  },
  {
    takers: "the server of a call's assistant that wants",
    unanswered: "Anything else, or no answer in time, has failed: it is sent at most once.",
    payloads: assistantMessagePayloads,
  },
  {
    takers: "operational webhooks that want",
    unanswered: triedAgain,
    payloads: operationalWebhookPayloads,
  },
];
