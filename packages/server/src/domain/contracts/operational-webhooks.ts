import { eventId, publicEventId } from "../../ids.ts";
import { extendObject, jsonText } from "../json-text.ts";
import { type OperationalEventType, operationalEventTypes } from "../lifecycle/operational.ts";
import type { Contract } from "./contract.ts";
import { workflowWebhooks } from "./workflow-webhooks.ts";

/** Names, a URL, numbers and times. */
const bytesMax = 8 * 1024;

const bodyBytesMax = Object.fromEntries(
  operationalEventTypes.map((type) => [type, bytesMax]),
) as Record<OperationalEventType, number>;

/**
 * Operational webhooks: what operators are told of the service itself, authenticated and signed as contract A is. They
 * never tell of themselves. Source: contracts, section 6.
 */
export const operationalWebhooks: Contract = {
  ...workflowWebhooks,
  name: "operational",
  eventTypes: operationalEventTypes,
  bodyBytesMax,
  // No fact leads to them.
  mayTell: {},
  eventTypeOf: (happening) => (happening.kind === "operational" ? happening.type : undefined),
  subjectOf: () => null,

  render(happening, { actor, occurredAt, sample }) {
    if (happening.kind !== "operational") throw new Error(`no operator is told ${happening.kind}`);
    const { teamId, type, key, aboutTeamId, data } = happening;
    const dedupeKey = [type, key, ...(aboutTeamId === undefined ? [] : [aboutTeamId])].join(":");
    const id = eventId({ teamId, contract: "operational", dedupeKey, subjectId: teamId });
    const payload = extendObject(
      { event_id: publicEventId(id), type, timestamp: occurredAt },
      // Only a test has `test`, and only what is told of all teams names one.
      [["data", jsonText({ team_id: aboutTeamId, test: sample, ...data })]],
    );
    return {
      id,
      teamId,
      contract: "operational",
      eventType: type,
      dedupeKey,
      workflowId: null,
      workflowName: null,
      runId: null,
      runStatus: null,
      assistantId: null,
      callId: null,
      messageId: null,
      order: null,
      createdBy: actor,
      payload: Buffer.from(payload),
    };
  },
};
