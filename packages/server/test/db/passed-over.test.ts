import { expect, test } from "vitest";
import { listDueSubscriptionsOfAllTeams } from "../../src/db/due-walk.ts";
import { deleteOldIdempotencyKeysOfAllTeams } from "../../src/db/idempotency-keys.ts";
import { failPendingDeliveries } from "../../src/db/interventions.ts";
import {
  deleteOldDeliveriesOfAllTeams,
  expireWaitingDeliveriesOfAllTeams,
} from "../../src/db/retention.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { type House, openHouse } from "../support/house.ts";

type PassedOver = {
  what: string;
  /** Makes two of them. */
  make: (house: House, subscriptionId: string) => Promise<unknown>;
  /** Holds one. */
  hold: (tx: Tx) => Promise<unknown>;
  take: (house: House, subscriptionId: string) => Promise<unknown>;
  left: (house: House) => Promise<object[]>;
};

const facts = async (house: House) => {
  await house.workflow();
  await house.workflow();
};

const holdDelivery = (tx: Tx) => tx`select from deliveries order by id limit 1 for update`;

const table: readonly PassedOver[] = [
  {
    what: "a hot lease that ran out",
    make: ({ database: { sql } }) => sql`
      insert into hot_leases (expires_at, lease_token, team_ids, delivery_ids)
      select now() - n * interval '1 second', gen_random_uuid(), '{}', '{}' from generate_series(1, 2) n`,
    hold: (tx) => tx`select from hot_leases order by expires_at limit 1 for update`,
    take: ({ database: { sql } }) => listDueSubscriptionsOfAllTeams(sql, "", 10),
    left: ({ database: { sql } }) => sql`select from hot_leases`,
  },
  {
    what: "an answer under an Idempotency-Key whose time is over",
    make: ({ database: { sql }, teamId }) => sql`
      insert into idempotency_keys (team_id, key, fingerprint, in_flight_until, created_at)
      select ${teamId}, n, '', now(), now() - interval '2 days' from generate_series(1, 2) n`,
    hold: (tx) => tx`select from idempotency_keys order by key limit 1 for update`,
    take: ({ database: { sql } }) => deleteOldIdempotencyKeysOfAllTeams(sql, 10),
    left: ({ database: { sql } }) => sql`select from idempotency_keys`,
  },
  {
    what: "a delivery that has waited too long for a disabled subscription",
    make: async (house) => {
      await facts(house);
      await house.database.sql`update subscriptions set enabled = false`;
      await house.database.sql`update deliveries set due_at = now() - interval '40 days'`;
    },
    hold: holdDelivery,
    take: ({ database: { sql } }) => expireWaitingDeliveriesOfAllTeams(sql, 30, 10),
    left: ({ database: { sql } }) => sql`select from deliveries where finished_at is null`,
  },
  {
    what: "a finished delivery whose time is over",
    make: async (house) => {
      await facts(house);
      await house.database.sql`
        update deliveries set status = 'delivered', finished_at = now(), due_at = null,
          created_at = now() - interval '40 days', id = '0' || substr(id, 2)`;
    },
    hold: holdDelivery,
    take: ({ database: { sql } }) => deleteOldDeliveriesOfAllTeams(sql, 30, 10),
    left: ({ database: { sql } }) => sql`select from deliveries`,
  },
  {
    what: "a delivery of a subscription that is deleted",
    make: facts,
    hold: holdDelivery,
    take: ({ database, teamId }, subscriptionId) =>
      database.begin((tx) => failPendingDeliveries(tx, teamId, subscriptionId, "somebody")),
    left: ({ database: { sql } }) => sql`select from deliveries where finished_at is null`,
  },
];

test.each(table)(
  "$what is passed over while somebody holds it, and nobody waits for that; it is taken the next time",
  async ({ make, hold, take, left }) => {
    const house = await openHouse({ started: false, hot: false });
    const { id } = await house.subscribe({ events: ["workflow_created"] });
    await make(house, id);
    expect(await left(house)).toHaveLength(2);
    await house.database.begin(async (tx) => {
      await hold(tx);
      await take(house, id);
      expect(await left(house)).toHaveLength(1);
    });
    await take(house, id);
    expect(await left(house)).toHaveLength(0);
  },
);
