import type { ClaimShare } from "../../src/db/claims.ts";
import type { DueSubscription } from "../../src/db/due-walk.ts";
import type { Database } from "../../src/db/pool.ts";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import { leasedDelivery } from "./leased.ts";

/** A subscription and how many of its deliveries are due. */
export type TableRow = Partial<DueSubscription> & { subscriptionId: string; due?: number };

type Options = { leaseToken: string; payloadBytesMax: number };

/** What the two statements that claim find in a table; a test may put others in their place. */
export type ClaimTable = {
  rows: (DueSubscription & { due: number })[];
  walk: (after: string, limit: number, ended: readonly string[]) => Promise<DueSubscription[]>;
  claim: (shares: readonly ClaimShare[], options: Options) => Promise<LeasedDelivery[]>;
  returnProbes: (subscriptionIds: readonly string[]) => Promise<void>;
};

const breakerOf = {
  any: "waits",
  ordered: "passes",
  probe: "probes",
  past_breaker: "passes",
} as const;

/** A table without a database: what is claimed from it is due no more. */
export function openClaimTable(given: readonly TableRow[] = []): ClaimTable {
  const defaults = {
    teamId: "t",
    dueInMs: 0,
    timeoutSeconds: 10,
    active: true,
    ordered: false,
    failing: false,
    probeInMs: null,
    pastBreaker: false,
  };
  const rows = given.map((row) => ({ ...defaults, due: 1, ...row }));
  return {
    rows,
    walk: async (after, limit) =>
      rows.filter(({ subscriptionId, due }) => due > 0 && subscriptionId > after).slice(0, limit),
    claim: async (shares) =>
      shares.flatMap(({ subscriptionId, limit, kind }) => {
        const row = rows.find((row) => row.subscriptionId === subscriptionId);
        const count = Math.min(row?.due ?? 0, limit);
        if (row) row.due -= count;
        return Array.from({ length: count }, () =>
          leasedDelivery({ subscriptionId, breaker: breakerOf[kind ?? "any"] }),
        );
      }),
    returnProbes: async () => {},
  };
}

/** A database that is nothing but this table, for `claimsOfTable`. */
export const asDatabase = (table: ClaimTable): Database => ({ sql: table }) as unknown as Database;

/** In place of `db/due-walk.ts`: the walk goes through the table that stands for the database. */
export const walkOfTable = {
  listDueSubscriptionsOfAllTeams: (
    table: ClaimTable,
    after: string,
    limit: number,
    ended: readonly string[],
  ) => table.walk(after, limit, ended),
};

/** In place of `db/claims.ts`: its statements ask the table that stands for the database. */
export const claimsOfTable = {
  claimDueOfAllTeams: (table: ClaimTable, shares: readonly ClaimShare[], options: Options) =>
    table.claim(shares, options),
  returnProbesOfAllTeams: (table: ClaimTable, subscriptionIds: readonly string[]) =>
    table.returnProbes(subscriptionIds),
};
