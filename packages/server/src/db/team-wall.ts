import { readFileSync } from "node:fs";
import { packageFile } from "../package-file.ts";
import type { Database, TeamDatabase } from "./pool.ts";
import { dumpSchema } from "./schema-dump.ts";
import type { Sql } from "./sql.ts";

/** Says whether, in every table with teams, the database hides other teams' rows from these connections and shows their own. */
export async function holdsWall(database: TeamDatabase): Promise<boolean> {
  const [row] = await database.forTeams([]).sql<{ holds: boolean }>`
    select coalesce(bool_and(
      row_security_active(c.oid) and has_table_privilege(c.oid, 'select')
      and exists (select from pg_policy p
                  where p.polrelid = c.oid and current_user::regrole = any(p.polroles))), false) as holds
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'team_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`;
  return row?.holds ?? false;
}

const rule =
  /^(?:alter table (?<secured>\w+) enable row|grant|create policy (?<policy>\w+) on (?<table>\w+) ).*;$/;

/**
 * Restores missing grants and policies of row security; returns the statements that it ran.
 *
 * A dump that is restored without the roles loses every grant and policy, and reports it only during the restore. The
 * complete rules are in schema.sql, which is the result of the migrations.
 */
export async function restoreWall(database: Database): Promise<string[]> {
  const missing = await listMissingRules(database.sql);
  if (missing.length === 0) return [];
  await database.begin(async (tx) => {
    const run = (statement: string) => tx(Object.assign([statement], { raw: [statement] }));
    for (const statement of missing) {
      const { policy, table } = rule.exec(statement)?.groups ?? {};
      if (policy) await run(`drop policy if exists ${policy} on ${table}`);
      await run(statement);
    }
  });
  return missing.map((statement) => statement.replace(/;$/, ""));
}

/** Lists missing grants and policies, as statements that would restore them. */
export async function listMissingRules(sql: Sql): Promise<string[]> {
  const found = new Set(rulesIn(await dumpSchema(sql)));
  const wanted = rulesIn(readFileSync(packageFile("schema.sql"), "utf8"));
  return wanted.filter((line) => !found.has(line));
}

const rulesIn = (schema: string): string[] => schema.split("\n").filter((line) => rule.test(line));
