import type { Database } from "../../src/db/pool.ts";
import type { Sql } from "../../src/db/sql.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { until } from "./house.ts";

/** Which rows count: those read from an index as well, or only those of the tables themselves. */
export type Where = "anywhere" | "in tables";

/** How many runs, deliveries and events a list looks at, and in the tables themselves: each statement is explained first. */
export async function countRowsLookedAt(
  walled: Database,
  list: (database: Database) => Promise<unknown>,
  where: Where = "anywhere",
): Promise<number> {
  let sum = 0;
  const explaining = (sql: Sql): Sql =>
    (async (strings: TemplateStringsArray, ...values: unknown[]) => {
      if (!/set_config|explain/.test(strings[0] ?? "")) {
        const texts = [`explain (analyze, format json) ${strings[0]}`, ...strings.slice(1)];
        const [row] = await sql(Object.assign(texts, { raw: texts }), ...values);
        sum += scanned(
          (row as { "QUERY PLAN": { Plan: PlanNode }[] })["QUERY PLAN"][0]?.Plan,
          where,
        );
      }
      return await sql(strings, ...values);
    }) as Sql;
  await list({
    ...walled,
    sql: explaining(walled.sql),
    begin: (work) =>
      walled.begin((tx) => work(Object.assign(explaining(tx), { now: tx.now }) as Tx)),
  });
  return sum;
}

type PlanNode = {
  "Node Type": string;
  "Heap Fetches"?: number;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Rows Removed by Filter"?: number;
  "Actual Loops": number;
  Plans?: PlanNode[];
};

function scanned(node: PlanNode | undefined, where: Where): number {
  if (!node) return 0;
  const inIndex = where === "in tables" && node["Node Type"] === "Index Only Scan";
  const rows = inIndex
    ? (node["Heap Fetches"] ?? 0)
    : node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0);
  const own = /^(deliveries|events|attempts|runs)/.test(node["Relation Name"] ?? "")
    ? rows * node["Actual Loops"]
    : 0;
  return (node.Plans ?? []).reduce((sum, below) => sum + scanned(below, where), own);
}

/**
 * Vacuums deliveries until every page is known to be visible to all: whoever looks at the database meanwhile, as
 * autovacuum may, keeps pages from that. A few rows that an earlier test has left dead are not skipped either.
 */
export async function vacuumDeliveries(sql: Sql): Promise<void> {
  await until("every page is known to be visible to all", async () => {
    await sql`vacuum (analyze, index_cleanup on) deliveries`;
    const [row] = await sql<{ visible: boolean }>`
      select relallvisible >= relpages as visible from pg_class where oid = 'deliveries'::regclass`;
    return row?.visible === true;
  });
}
