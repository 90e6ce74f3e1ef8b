import { eventId } from "../ids.ts";
import { assistantMessages, assistantMessageTypes } from "./contracts/assistant-messages.ts";
import { organisationEventTypes, organisationWebhooks } from "./contracts/organisation-webhooks.ts";
import { workflowActions, workflowWebhooks } from "./contracts/workflow-webhooks.ts";

/**
 * Lists the ids of every event that may have been made of a run and its steps, in any contract.
 *
 * Events carry no index by run, which each insert would pay for: their ids follow from what they tell.
 */
export function runEventIds(teamId: string, runId: string, stepIds: readonly string[]): string[] {
  const idOf = (contract: string, dedupeKey: string) =>
    eventId({ teamId, contract, dedupeKey, subjectId: runId });
  return [
    ...workflowActions.map((action) => idOf(workflowWebhooks.name, `${action}:${runId}`)),
    ...organisationEventTypes.flatMap((type) =>
      [`${type}:${runId}`, ...stepIds.map((stepId) => `${type}:${runId}:${stepId}`)].map(
        (dedupeKey) => idOf(organisationWebhooks.name, dedupeKey),
      ),
    ),
  ];
}

/** Lists the ids of every event that may have been made of a call in which `position` things have happened. */
export function callEventIds(teamId: string, callId: string, position: number): string[] {
  return Array.from({ length: position }, (_, index) =>
    assistantMessageTypes.map((type) =>
      eventId({
        teamId,
        contract: assistantMessages.name,
        dedupeKey: `${type}:${callId}:${index + 1}`,
        subjectId: callId,
      }),
    ),
  ).flat();
}
