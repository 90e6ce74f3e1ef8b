import type { Sql } from "./sql.ts";

type Table = {
  name: string;
  /** `range (created_at)` for a partitioned table. */
  partitionKey: string | null;
  /** The table whose default partition it is; other partitions are not part of the schema. */
  defaultOf: string | null;
  /** Storage parameters such as `fillfactor=90`. */
  options: string | null;
  columns: string[];
  constraints: string[];
  indexes: string[];
  /** Grants and policies. */
  rules: string[];
};

/**
 * Prints the schema as SQL: every table with its columns, constraints, indexes and policies, by name, without daily
 * partitions.
 *
 * For people to read and for a test to compare: it is made from the catalogs and is the same on every server.
 */
export async function dumpSchema(sql: Sql): Promise<string> {
  const tables = await listTables(sql);
  return tables.map(printTable).join("\n");
}

/** Lists the other objects besides tables and indexes: views, sequences, functions, triggers, types. */
export async function listOtherObjects(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }>`
    select 'relation ' || relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind not in ('r', 'p', 'i', 'I', 't')
    union all
    select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select 'trigger ' || tgname from pg_trigger where not tgisinternal
    union all
    select 'type ' || typname from pg_type
    where typnamespace = 'public'::regnamespace and typtype not in ('c', 'b')
    order by 1`;
  return rows.map(({ name }) => name);
}

async function listTables(sql: Sql): Promise<Table[]> {
  return await sql<Table>`
    select c.relname as name,
      case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as "partitionKey",
      (select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid) as "defaultOf",
      array_to_string(c.reloptions, ', ') as options,
      array(
        select quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
          || case when a.attcollation <> t.typcollation
               then ' collate ' || (select quote_ident(collname) from pg_collation where oid = a.attcollation)
               else '' end
          || case when a.attnotnull then ' not null' else '' end
          || coalesce(case when a.attgenerated = 's'
               then ' generated always as (' || btrim(regexp_replace(pg_get_expr(d.adbin, d.adrelid), '\\s+', ' ', 'g')) || ') stored'
               else ' default ' || pg_get_expr(d.adbin, d.adrelid) end, '')
        from pg_attribute a
        join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum
      ) as columns,
      -- Since PostgreSQL 18 "not null" is a constraint as well; it stands with its column.
      array(
        select 'constraint ' || quote_ident(n.conname) || ' ' || pg_get_constraintdef(n.oid)
        from pg_constraint n
        where n.conrelid = c.oid and n.contype in ('p', 'u', 'f', 'c', 'x')
        order by position(n.contype::text in 'pufcx'), n.conname collate "C"
      ) as constraints,
      array(
        select pg_get_indexdef(x.indexrelid)
        from pg_index x
        join pg_class i on i.oid = x.indexrelid
        where x.indrelid = c.oid
          and not exists (select from pg_constraint n where n.conindid = x.indexrelid and n.conrelid = c.oid)
        order by i.relname collate "C"
      ) || array(
        select pg_get_statisticsobjdef(e.oid)
        from pg_statistic_ext e where e.stxrelid = c.oid order by e.stxname collate "C"
      ) as indexes,
      array(
        select format('alter table %s enable row level security', c.relname) where c.relrowsecurity
        union all
        select format('alter table %s force row level security', c.relname) where c.relforcerowsecurity
      ) || array(
        select format('grant %s on %s to %s',
          string_agg(lower(g.privilege_type), ', ' order by g.privilege_type), c.relname,
          coalesce(r.rolname, 'public'))
        from aclexplode(c.relacl) g left join pg_roles r on r.oid = g.grantee
        where g.grantee <> c.relowner
        group by r.rolname order by r.rolname collate "C"
      ) || array(
        select format('grant %s (%s) on %s to %s', lower(g.privilege_type),
          string_agg(a.attname, ', ' order by a.attnum), c.relname, r.rolname)
        from pg_attribute a, aclexplode(a.attacl) g join pg_roles r on r.oid = g.grantee
        where a.attrelid = c.oid
        group by g.privilege_type, r.rolname order by r.rolname collate "C", g.privilege_type
      ) || array(
        select format('create policy %s on %s%s for %s to %s%s%s', p.polname, c.relname,
          case when p.polpermissive then '' else ' as restrictive' end,
          case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert'
                        when 'w' then 'update' else 'delete' end,
          coalesce((select string_agg(rolname, ', ' order by rolname collate "C")
                    from pg_roles where oid = any(p.polroles)), 'public'),
          ' using (' || regexp_replace(pg_get_expr(p.polqual, c.oid), '\\s+', ' ', 'g') || ')',
          ' with check (' || pg_get_expr(p.polwithcheck, c.oid) || ')')
        from pg_policy p where p.polrelid = c.oid order by p.polname collate "C"
      ) as rules
    from pg_class c
    where c.relnamespace = 'public'::regnamespace
      and c.relkind in ('r', 'p')
      and (not c.relispartition or pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
    order by c.relname collate "C"`;
}

function printTable(table: Table): string {
  const { name, partitionKey, defaultOf, options } = table;
  if (defaultOf !== null) return `create table ${name} partition of ${defaultOf} default;\n`;
  const lines = [...table.columns, ...table.constraints].map((line) => `  ${line}`);
  const storage = options ? ` with (${options})` : "";
  const partitioned = partitionKey ? ` partition by ${partitionKey.toLowerCase()}` : "";
  const others = [...table.indexes, ...table.rules];
  const statements = others.map((statement) => `${statement};\n`);
  return `create table ${name} (\n${lines.join(",\n")}\n)${partitioned}${storage};\n${statements.join("")}`;
}
