import { setTimeout as sleep } from "node:timers/promises";
import type { CrashableDatabase } from "./database.ts";
import type { DeliveryRow, SubjectRow } from "./ledger.ts";
import { digestOf, eventNameOf } from "./receivers.ts";
import type { Stage } from "./stage.ts";

const drainMsMax = 180_000;

/** Waits until nothing is pending, delivers again what failed in contract A, and waits again. */
export async function drain({ database, publisher }: Stage, since: string): Promise<number> {
  const deadline = performance.now() + drainMsMax;
  let redelivered = 0;
  const asked = new Map<string, number>();
  while (performance.now() < deadline) {
    const [open] = await database.ask<{ pending: number; failed: string[] }>(
      `select count(*) filter (where d.status = 'pending')::int as pending,
              coalesce(array_agg(d.id) filter (where d.status = 'failed' and s.contract = 'workflow'), '{}') as failed
       from deliveries d join subscriptions s on s.id = d.subscription_id where d.created_at >= $1`,
      [since],
    );
    const again = open?.failed.filter((id) => (asked.get(id) ?? 0) < 3) ?? [];
    if (open?.pending === 0 && again.length === 0) return redelivered;
    for (const id of again) {
      try {
        await publisher.call("POST", `/workflows/v1/workflow-webhooks/events/${id}/retry`);
        asked.set(id, (asked.get(id) ?? 0) + 1);
        redelivered++;
      } catch {
        // A connection that fell silent before everything healed: it is asked for again.
      }
    }
    await sleep(250);
  }
  return redelivered; // What is still pending is the ledger's business.
}

/** Reads every delivery made since then, with its attempts counted. */
export async function readDeliveries(
  database: CrashableDatabase,
  since: string,
): Promise<DeliveryRow[]> {
  const rows = await database.ask<Omit<DeliveryRow, "event" | "digest"> & { payload: Buffer }>(
    `select d.id, d.subscription_id as "subscriptionId", 'event_' || d.event_id as "webhookId",
            e.payload, d.status, d.lease_token is not null as leased,
            d.attempt_count as "attemptCount", d.crash_count as "crashCount",
            d.manual_count as "manualCount", d.last_error as "lastError",
            coalesce(a.rows, 0)::int as "attemptRows", coalesce(a.successes, 0)::int as "successRows"
     from deliveries d
     join events e on e.id = d.event_id and e.created_at = d.created_at
     left join (
       select delivery_id, count(*) as rows, count(*) filter (where success) as successes
       from attempts where delivery_created_at >= $1 group by delivery_id
     ) a on a.delivery_id = d.id
     where d.created_at >= $1`,
    [since],
  );
  return rows.map(({ payload, ...row }) => ({
    ...row,
    event: eventNameOf(payload.toString("utf8")),
    digest: digestOf(payload),
  }));
}

/** Reads every run and call made since then. */
export async function readSubjects(
  database: CrashableDatabase,
  since: string,
): Promise<SubjectRow[]> {
  return await database.ask<SubjectRow>(
    `select id, status from runs where created_at >= $1
     union all select id, status from calls where created_at >= $1`,
    [since],
  );
}
