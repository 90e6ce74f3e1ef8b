import { randomUUID } from "node:crypto";
import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { letPastBreaker, probeNow } from "../db/breakers.ts";
import { insertDeliveries } from "../db/deliveries.ts";
import { insertEvents } from "../db/events.ts";
import { findEventOfDelivery } from "../db/history.ts";
import { listCopiesOf } from "../db/listeners.ts";
import { notifyDue } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import { holdSubscription } from "../db/subscriptions.ts";
import { findTeam } from "../db/team-settings.ts";
import type { Contract } from "../domain/contracts/contract.ts";
import { jsonText } from "../domain/json-text.ts";
import type { Happening } from "../domain/lifecycle/happening.ts";
import type { Run } from "../domain/lifecycle/run.ts";
import type { Workflow } from "../domain/lifecycle/workflow.ts";
import { operationalSamples } from "../domain/operational-samples.ts";
import { AppError } from "../errors.ts";
import type { Keyring } from "../secrets.ts";
import { listedWorkflowOf } from "./fan-out.ts";
import { sealPayloads } from "./payload-vault.ts";

/** A request for a sample: its event type, its subscription, and new ids for made-up subjects. */
export type SampleRequest = {
  teamId: string;
  contract: Contract;
  subscriptionId: string;
  eventType: string;
  actor: string;
  /** Made-up subjects get new ids, so every sample is a new event. */
  newId: () => string;
};

/**
 * Sends a sample event to one subscription through the same queue as all deliveries, and returns the event's UUID.
 *
 * The subscription need not want the event type. The same ids again are the same sample.
 */
export async function sendSample(
  { database, keyring, audit }: { database: Database; keyring: Keyring } & Audited,
  request: SampleRequest,
): Promise<string> {
  const { teamId, contract, subscriptionId } = request;
  const [deliveryId, workflowId, runId] = [request.newId(), request.newId(), request.newId()];

  return await database.begin(async (tx) => {
    const owner = { teamId, contract: contract.name };
    const subscription = await holdSubscription(tx, owner, subscriptionId);
    if (!subscription) throw new AppError("not_found");
    if (!subscription.enabled) throw new AppError("subscription_disabled");
    const sent = await findEventOfDelivery(tx, teamId, deliveryId);
    if (sent !== undefined) return sent;

    const now = await tx.now;
    const workflow = sampleWorkflow({ ...request, now }, workflowId);
    const happening = [
      ...sampleHappenings(workflow, sampleRun(workflow, runId)),
      ...operationalSamples(teamId, runId, now),
    ].find((candidate) => contract.eventTypeOf(candidate) === request.eventType);
    if (!happening) throw new Error(`there is no sample of ${request.eventType}`);
    const event = contract.render(happening, {
      actor: request.actor,
      occurredAt: now,
      sample: true,
    });
    const team = await findTeam(tx, teamId);
    const teams = new Set(team?.encryptPayloads ? [teamId] : []);
    await insertEvents(tx, sealPayloads({ keyring, teams }, [event]));
    const common = { teamId, eventId: event.id, eventType: event.eventType, leaseMs: null };
    const copies = await listCopiesOf(tx, { teamId, id: subscriptionId });
    await insertDeliveries(
      tx,
      [
        {
          ...{ ...common, id: deliveryId, subscriptionId },
          workflowId: listedWorkflowOf(event),
          // With an order key of its own it waits for no other delivery, and is sent at most once.
          order: contract.samplesOnce ? { key: event.id, position: 0 } : null,
        },
        ...copies.map((listener) => ({
          ...{ ...common, id: request.newId(), subscriptionId: listener },
          ...{ workflowId: null, order: null },
        })),
      ],
      randomUUID(),
    );
    await letPastBreaker(tx, teamId, deliveryId);
    await probeNow(tx, teamId, subscriptionId);
    await insertAuditEntry(tx, audit, subscriptionId);
    for (const id of [subscriptionId, ...copies]) await notifyDue(tx, id);
    return event.id;
  });
}

const sampleRunMs = 812;

function sampleHappenings(workflow: Workflow, run: Run): Happening[] {
  const started: Run = { ...run, status: "started", output: null, completedAt: null };
  const change = {
    path: "description",
    oldValue: jsonText(null),
    newValue: jsonText(workflow.description),
  };
  return [
    { kind: "workflow_created", workflow },
    {
      kind: "workflow_updated",
      workflow: { ...workflow, revision: 1 },
      changes: [change],
      reason: "settings",
    },
    { kind: "workflow_deleted", workflow: { ...workflow, deletedAt: workflow.updatedAt } },
    {
      kind: "run_started",
      workflow,
      run: { ...started, collectedInformation: null },
    },
    { kind: "run_ended", workflow, run },
  ];
}

function sampleWorkflow(
  report: { teamId: string; actor: string; now: Date },
  id: string,
): Workflow {
  return {
    teamId: report.teamId,
    id,
    name: "Sample workflow",
    description: "A made-up workflow, to try out this webhook.",
    configuration: null,
    settings: null,
    revision: 0,
    versionNumber: 1,
    versionName: "v1",
    createdAs: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
    deletedAt: null,
  };
}

function sampleRun(workflow: Workflow, id: string): Run {
  const { teamId, createdBy, updatedBy, createdAt } = workflow;
  return {
    teamId,
    id,
    workflowId: workflow.id,
    status: "completed",
    trigger: "manual",
    versionNumber: workflow.versionNumber,
    input: jsonText({ customer: "Ada Lovelace" }),
    output: jsonText({ result: "ok" }),
    collectedInformation: jsonText({ email: "ada@example.com" }),
    error: null,
    earlier: null,
    terminationSource: null,
    timeoutSeconds: null,
    deadlineAt: null,
    startedAt: new Date(createdAt.getTime() - sampleRunMs),
    completedAt: createdAt,
    createdBy,
    updatedBy,
    createdAt,
    updatedAt: createdAt,
  };
}
