import { randomUUID } from "node:crypto";
import { insertDeliveries, type NewDelivery } from "../db/deliveries.ts";
import { insertEvents } from "../db/events.ts";
import { notifyDue } from "../db/notify.ts";
import {
  type Listener,
  listListenersOfAllTeams,
  type NotedHappening,
  takeNotedOfAllTeams,
} from "../db/operational-happenings.ts";
import type { Database } from "../db/pool.ts";
import type { RenderedEvent } from "../domain/contracts/contract.ts";
import { operationalWebhooks } from "../domain/contracts/operational-webhooks.ts";
import type { OperationalHappening } from "../domain/lifecycle/operational.ts";
import { newId } from "../ids.ts";
import { type PayloadVault, sealPayloads } from "./payload-vault.ts";

const notedMax = 100;

/**
 * Makes events and deliveries of the happenings that wait for operators, and removes these in the same transaction.
 * Returns how many. Several processes may run it at once: each skips what another has locked.
 */
export async function tellOperators(deps: {
  /** Reaches all teams. */
  database: Database;
  vault: PayloadVault;
}): Promise<number> {
  const sealing = await deps.vault.sealing();
  return await deps.database.begin(async (tx) => {
    const noted = await takeNotedOfAllTeams(tx, notedMax);
    if (noted.length === 0) return 0;
    const listeners = await listListenersOfAllTeams(tx, [
      ...new Set(noted.map(({ teamId }) => teamId)),
    ]);
    const events: RenderedEvent[] = [];
    const deliveries: NewDelivery[] = [];
    for (const one of noted) {
      for (const [event, takers] of tellingsOf(one, listeners)) {
        events.push(event);
        for (const { id } of takers) deliveries.push(deliveryOf(event, id));
      }
    }
    if (events.length === 0) return noted.length;
    await insertEvents(tx, sealPayloads(sealing, events));
    await insertDeliveries(tx, deliveries, randomUUID());
    for (const id of new Set(deliveries.map(({ subscriptionId }) => subscriptionId))) {
      await notifyDue(tx, id);
    }
    return noted.length;
  });
}

/** One event for the team that it is about, and another one for webhooks of all teams, which names the team. */
function tellingsOf(
  { teamId: aboutTeamId, eventType, key, data, createdAt }: NotedHappening,
  listeners: readonly Listener[],
): Map<RenderedEvent, Listener[]> {
  const told = new Map<string, Listener[]>();
  for (const listener of listeners) {
    const { teamId, allTeams, eventTypes } = listener;
    // The backlog is the whole service's: it was noted for each team that has a webhook for it.
    const hears =
      eventType === "backlog.growing"
        ? allTeams && teamId === aboutTeamId
        : allTeams || teamId === aboutTeamId;
    if (!hears || !eventTypes.includes(eventType)) continue;
    const group = `${teamId} ${allTeams}`;
    told.set(group, [...(told.get(group) ?? []), listener]);
  }
  return new Map(
    [...told.values()].map((takers) => {
      const [{ teamId, allTeams } = { teamId: aboutTeamId, allTeams: false }] = takers;
      const happening = {
        kind: "operational",
        ...{ teamId, type: eventType, key, data },
        ...(allTeams && eventType !== "backlog.growing" ? { aboutTeamId } : {}),
      } as OperationalHappening;
      const event = operationalWebhooks.render(happening, {
        actor: "system",
        occurredAt: createdAt,
      });
      return [event, takers];
    }),
  );
}

const deliveryOf = (event: RenderedEvent, subscriptionId: string): NewDelivery => ({
  teamId: event.teamId,
  id: newId(),
  eventId: event.id,
  subscriptionId,
  eventType: event.eventType,
  workflowId: null,
  order: null,
  leaseMs: null,
});
