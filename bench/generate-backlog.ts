// Deliveries that wait: due now, never attempted, each with an event of its own.
import { randomBytes } from "node:crypto";
import { encodeSecret } from "@postrider/sdk/sign";
import { newId } from "../packages/server/src/ids.ts";
import { openKeyring } from "../packages/server/src/secrets.ts";
import { encryptionKey } from "./engine.ts";
import {
  openFiller,
  settle,
  withDay,
  withoutIndexes,
  writeSubscriptions,
  writeTeams,
} from "./generate.ts";

/** Receivers with work that waits for them: so many subscriptions to one URL, each of a team of its own or of one. */
export type Waiting = {
  subscriptions: number;
  url: string;
  /** Deliveries that are due, over all of them. */
  rows: number;
  timeoutSeconds: number;
  /** Each has a team of its own; without it one team has them all. */
  apart?: true;
};

/** Writes subscriptions (contract A, runs that start) and their due deliveries; returns their ids and teams, in order. */
export async function generateBacklog(
  databaseUrl: string,
  groups: readonly Waiting[],
): Promise<{ id: string; teamId: string }[][]> {
  const keyring = openKeyring([encryptionKey]);
  const client = await openFiller(databaseUrl);
  try {
    const made: { id: string; teamId: string }[][] = [];
    for (const group of groups) {
      const common = newId();
      const subscriptions = Array.from({ length: group.subscriptions }, () => {
        const [id, teamId] = [newId(), group.apart ? newId() : common];
        const place = { table: "subscriptions", column: "sealed_signing_secret", rowId: id };
        return {
          teamId,
          id,
          contract: "workflow" as const,
          url: group.url,
          eventTypes: ["workflow_run_started"],
          enabled: true,
          timeoutSeconds: group.timeoutSeconds,
          sealedSigningSecret: keyring.seal(encodeSecret(randomBytes(32)), { ...place, teamId }),
        };
      });
      await writeTeams(client, [...new Set(subscriptions.map(({ teamId }) => teamId))]);
      await writeSubscriptions(client, subscriptions);
      made.push(subscriptions.map(({ id, teamId }) => ({ id, teamId })));
    }
    // Yesterday's events: today's partition is the service's to make.
    const { rows } = await client.query("select (current_date - 1)::text as day");
    await withDay(client, rows[0].day, (tables) =>
      withoutIndexes(client, "deliveries", async () => {
        for (const [index, group] of groups.entries()) {
          const subscriptions = made[index] ?? [];
          // Neighbours in time are of different subscriptions, as they are where many share a table.
          await client.query(
            `with subscription as materialized (
               select * from unnest($1::text[], $2::text[]) with ordinality as s (id, team_id, position)
             ), given as materialized (
               select n, id, team_id, lpad(to_hex(n % 200), 24, '0') as workflow_id,
                      ($3::date + n * (interval '1 day' / greatest($4::int, 1))) as created_at,
                      (lpad(to_hex($5::int), 8, '0') || lpad(to_hex(n), 24, '0'))::uuid as event_id
               from generate_series(0, $4::int - 1) n
               join subscription on position = 1 + n % cardinality($1::text[])
             ), written as (
               insert into ${tables.events} (id, created_at, team_id, contract, event_type, dedupe_key, workflow_id, created_by, payload)
               select event_id, created_at, team_id, 'workflow', 'workflow_run_started',
                      'bench:' || n, workflow_id, 'system', convert_to('{"event_id":"event_' || event_id || '","text":"' || repeat('x', 200) || '"}', 'utf8')
               from given
             )
             insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type, workflow_id, due_at)
             select team_id,
                    lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0') || lpad(to_hex($5::bigint * 16777216 + n), 16, '0'),
                    event_id, created_at, id, 'workflow_run_started', workflow_id, created_at
             from given`,
            [
              subscriptions.map(({ id }) => id),
              subscriptions.map(({ teamId }) => teamId),
              rows[0].day,
              group.rows,
              index,
            ],
          );
        }
      }),
    );
    await settle(client);
    return made;
  } finally {
    await client.end();
  }
}
