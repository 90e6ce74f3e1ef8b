import { assistantMessages } from "./assistant-messages.ts";
import type { Contract } from "./contract.ts";
import { organisationWebhooks } from "./organisation-webhooks.ts";
import { workflowWebhooks } from "./workflow-webhooks.ts";

/** The contracts this service keeps. */
export const allContracts: readonly Contract[] = [
  workflowWebhooks,
  organisationWebhooks,
  assistantMessages,
];
