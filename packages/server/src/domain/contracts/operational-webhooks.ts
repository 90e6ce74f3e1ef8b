import { eventId, publicEventId } from "../../ids.ts";
import { extendObject, jsonText } from "../json-text.ts";
import { type OperationalEventType, operationalEventTypes } from "../lifecycle/operational.ts";
import type { Contract } from "./contract.ts";
import { workflowWebhooks } from "./workflow-webhooks.ts";

/** An endpoint has a name and a URL; everything else is ids, numbers and times. */
const endpointBytesMax = 4 * 1024;

const bodyBytesMax: Record<OperationalEventType, number> = {
  "endpoint.failing": endpointBytesMax,
  "endpoint.recovered": endpointBytesMax,
  "endpoint.disabled": endpointBytesMax,
  "delivery.exhausted": 768,
  "replay.completed": 512,
  "backlog.growing": 384,
};

/**
 * Operational webhooks: events about the service itself, for operators. They are authenticated and signed as in contract
 * A, and are never about operational webhooks. Source: contracts, section 6.
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
      // Only a test has `test`. Only an event for subscriptions to all teams has `team_id`.
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
