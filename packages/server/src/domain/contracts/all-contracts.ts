import { assistantMessages } from "./assistant-messages.ts";
import type { Contract } from "./contract.ts";
import { operationalWebhooks } from "./operational-webhooks.ts";
import { organisationWebhooks } from "./organisation-webhooks.ts";
import { workflowWebhooks } from "./workflow-webhooks.ts";

/** The contracts that this service implements. */
export const allContracts: readonly Contract[] = [
  workflowWebhooks,
  organisationWebhooks,
  assistantMessages,
  operationalWebhooks,
];

/** The names of the contracts whose events come from a platform's reports. Lists show these unless another is asked for. */
export const reportedContracts = [workflowWebhooks, organisationWebhooks, assistantMessages].map(
  ({ name }) => name,
);
