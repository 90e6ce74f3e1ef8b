import { eventId } from "../ids.ts";
import { assistantMessages, assistantMessageTypes } from "./contracts/assistant-messages.ts";
import {
  organisationEventTypes,
  organisationWebhooks,
  runDedupeKey,
  type ToldStep,
} from "./contracts/organisation-webhooks.ts";
import { workflowActions, workflowWebhooks } from "./contracts/workflow-webhooks.ts";

/**
 * Lists the ids of all events, of any contract, that may exist for a run, its steps and their attempts.
 *
 * Events have no index by run, because each insert would pay for it. Their ids can be computed instead.
 */
export function* runEventIds(
  teamId: string,
  runId: string,
  steps: readonly ToldStep[],
): Generator<string> {
  const { name: contract } = organisationWebhooks;
  yield* workflowRunEventIds(teamId, runId);
  for (const type of organisationEventTypes) {
    yield eventId({ teamId, contract, dedupeKey: runDedupeKey(type, runId), subjectId: runId });
  }
  for (const step of steps) yield* stepEventIds(teamId, runId, step);
}

/** Lists the ids of all events of contract A that may exist for a run. */
export function workflowRunEventIds(teamId: string, runId: string): string[] {
  const { name: contract } = workflowWebhooks;
  return workflowActions.map((action) =>
    eventId({ teamId, contract, dedupeKey: `${action}:${runId}`, subjectId: runId }),
  );
}

/** Lists the ids of all events that may exist for a step and its attempts. */
export function* stepEventIds(
  teamId: string,
  runId: string,
  { id, attempt }: ToldStep,
): Generator<string> {
  const { name: contract } = organisationWebhooks;
  for (const type of organisationEventTypes) {
    for (let told = 1; told <= attempt; told++) {
      const dedupeKey = runDedupeKey(type, runId, { id, attempt: told });
      yield eventId({ teamId, contract, dedupeKey, subjectId: runId });
    }
  }
}

/** Lists the ids of all events that may exist for a call in which `position` things have happened. */
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
