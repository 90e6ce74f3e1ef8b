import { randomUUID } from "node:crypto";
import { recordResults } from "../../src/actions/record-results.ts";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import type { Database } from "../../src/db/pool.ts";
import { newId } from "../../src/ids.ts";
import { attemptRecord } from "./leased.ts";

/** How an attempt at a delivery ended; `late`: after its lease was lost. */
export type Received = {
  id: string;
  outcome: AttemptRecord["outcome"];
  code?: string;
  late?: boolean;
};

/** Records how attempts at deliveries ended, in one batch, as the recorder does; those that had ended are made again. */
export async function receive(database: Database, ...received: Received[]): Promise<void> {
  const records: AttemptRecord[] = [];
  for (const { id, outcome, code = "timeout", late } of received) {
    const leaseToken = randomUUID();
    const [row] = await database.sql<
      Pick<AttemptRecord, "teamId" | "subscriptionId" | "eventType" | "createdAt" | "number">
    >`
      update deliveries
      set status = 'pending', finished_at = null, due_at = now() + interval '1 minute',
          lease_token = ${leaseToken}, attempt_count = attempt_count + 1, manual_count = manual_count + 1
      where id = ${id}
      returning team_id as "teamId", subscription_id as "subscriptionId", event_type as "eventType",
        created_at::text as "createdAt", attempt_count as number`;
    if (!row) throw new Error("there is no such delivery");
    const failed = { statusCode: null, errorCode: code, errorMessage: "It failed." };
    records.push(
      attemptRecord({
        ...row,
        deliveryId: id,
        attemptId: newId(),
        leaseToken: late ? randomUUID() : leaseToken,
        outcome,
        ...(outcome !== "delivered" && failed),
        ...(outcome === "retry" && { delayMs: 60_000 }),
      }),
    );
  }
  const { unmoved } = await recordResults(database, records);
  const late = received.filter((one) => one.late).length;
  if (unmoved.size !== late) throw new Error(`${unmoved.size} results moved no delivery`);
}
