import { assistantMessages } from "./assistant-messages.ts";
import type { Contract } from "./contract.ts";
import { operationalWebhooks } from "./operational-webhooks.ts";
import { organisationWebhooks } from "./organisation-webhooks.ts";
import { workflowWebhooks } from "./workflow-webhooks.ts";

/** The contracts this service keeps. */
export const allContracts: readonly Contract[] = [
  workflowWebhooks,
  organisationWebhooks,
  assistantMessages,
  operationalWebhooks,
];

/** What they are called that tell what a platform reports: those that lists show without being asked for another. */
export const reportedContracts = [workflowWebhooks, organisationWebhooks, assistantMessages].map(
  ({ name }) => name,
);
