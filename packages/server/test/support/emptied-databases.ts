import pg from "pg";

const largeBytes = 256 * 1024;

/**
 * Whatever a test may leave behind in a database besides rows, as one value: tables, columns, constraints, rights,
 * policies, functions, statistics, settings of the database, and the migrations that were made.
 */
const marks = `
  select md5(string_agg(mark, E'\\n' order by mark collate "C")) as marks from (
    select concat_ws(' ', 'relation', c.oid::regclass, relkind, relpersistence, relrowsecurity, relforcerowsecurity,
      reloptions, relacl, relowner::regrole) as mark
    from pg_class c where relnamespace = 'public'::regnamespace
    union all
    select concat_ws(' ', 'column', attrelid::regclass, attname, atttypid, atttypmod, attnotnull, attcollation,
      attisdropped, attacl)
    from pg_attribute join pg_class c on c.oid = attrelid where relnamespace = 'public'::regnamespace
    union all
    select concat_ws(' ', 'default', adrelid::regclass, adnum, pg_get_expr(adbin, adrelid)) from pg_attrdef
    union all
    select concat_ws(' ', 'constraint', conrelid::regclass, conname, contype, convalidated)
    from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select concat_ws(' ', 'index', i.indexrelid::regclass, indisvalid, pg_get_indexdef(indexrelid))
    from pg_index i join pg_class c on c.oid = i.indrelid where relnamespace = 'public'::regnamespace
    union all
    select concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polroles::regrole[],
      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    from pg_policy
    union all
    select concat_ws(' ', 'trigger', tgrelid::regclass, tgname, tgenabled) from pg_trigger where not tgisinternal
    union all
    select concat_ws(' ', 'rule', ev_class::regclass, rulename) from pg_rewrite where oid >= 16384
    union all
    select concat_ws(' ', 'function', oid::regprocedure, md5(prosrc), proacl) from pg_proc where oid >= 16384
    union all
    select concat_ws(' ', 'type', typname, typtype) from pg_type where oid >= 16384 and typtype not in ('c', 'b')
    union all
    select concat_ws(' ', 'schema', nspname, nspacl) from pg_namespace where nspname !~ '^pg_(toast_)?temp_'
    union all
    select concat_ws(' ', 'extension', extname, extversion) from pg_extension
    union all
    select concat_ws(' ', 'event trigger', evtname) from pg_event_trigger
    union all
    select concat_ws(' ', 'sequence', schemaname, sequencename, last_value) from pg_sequences
    union all
    select concat_ws(' ', 'statistics', starelid::regclass, staattnum) from pg_statistic where starelid >= 16384
    union all
    select concat_ws(' ', 'setting', setrole, setconfig)
    from pg_db_role_setting join pg_database d on d.oid = setdatabase where datname = current_database()
    union all
    select concat_ws(' ', 'database', datallowconn, datconnlimit, datacl, datdba::regrole)
    from pg_database where datname = current_database()
    union all
    select concat_ws(' ', 'migration', number, name, sha256) from schema_migrations) as all_marks`;

/** The catalogs that `marks` reads, and which of their rows a database's own objects have. */
const catalogs = {
  pg_class: "oid >= 16384",
  pg_attribute: "attrelid >= 16384",
  pg_attrdef: "true",
  pg_constraint: "oid >= 16384",
  pg_index: "indexrelid >= 16384",
  pg_policy: "true",
  pg_trigger: "true",
  pg_rewrite: "oid >= 16384",
  pg_proc: "oid >= 16384",
  pg_type: "oid >= 16384",
  pg_namespace: "true",
  pg_extension: "true",
  pg_event_trigger: "true",
  pg_sequence: "true",
  pg_statistic: "starelid >= 16384",
  schema_migrations: "true",
};

/**
 * How many rows each catalog has, and which transaction wrote its newest, as one value: while it is as in the template,
 * no row of `marks` was added, changed or removed. It takes a tenth of their time.
 */
const versions = `
  select concat_ws(' ',
    ${Object.entries(catalogs)
      .map(
        ([catalog, own]) =>
          `(select concat(count(*), ' ', max(xmin::text::int8)) from ${catalog} where ${own})`,
      )
      .join(",\n    ")},
    (select sum(pg_sequence_last_value(seqrelid)) from pg_sequence),
    -- Databases share these two.
    (select string_agg(concat_ws(' ', setrole, setconfig), ' ' order by setrole) from pg_db_role_setting
     where setdatabase = (select oid from pg_database where datname = current_database())),
    (select concat_ws(' ', datallowconn, datconnlimit, datacl, datdba) from pg_database
     where datname = current_database())) as versions`;

/**
 * Removes every row but the migrations', and what PostgreSQL has counted.
 *
 * Deleting takes a tenth of the time of truncating; a large table is truncated, or the next test would walk over what is
 * left of it. Most tables have never had a row.
 */
const empty = `
  do $$
  declare
    names text[] := array(
      select oid::regclass::text from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'schema_migrations'
        and pg_relation_size(oid) > 0);
    name text;
  begin
    perform pg_stat_reset();
    if exists (select from unnest(names) as t (name) where pg_table_size(t.name::regclass) > ${largeBytes}) then
      execute 'truncate ' || (
        select string_agg(oid::regclass::text, ', ') from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'schema_migrations');
    else
      set local session_replication_role = replica;
      foreach name in array names loop
        execute 'delete from ' || name;
      end loop;
    end if;
  end $$`;

/** What an untouched database is like, rows aside. */
export type Untouched = { marks: string; versions: string };

/** Reads what marks an untouched database. */
export async function readUntouched(url: string): Promise<Untouched> {
  const [found] = await run<{ versions: string }>(url, versions);
  const [row] = await run<{ marks: string }>(url, marks);
  if (!row || !found) throw new Error("a database has no marks");
  return { ...found, ...row };
}

/** Empties a database that a test has left; says whether it is as an untouched one. */
export async function emptyDatabase(url: string, untouched: Untouched): Promise<boolean> {
  const [found] = await run<{ versions: string }>(url, versions, empty);
  if (found?.versions === untouched.versions) return true;
  // What was changed and changed back is as before.
  const [row] = await run<{ marks: string }>(url, marks);
  return row?.marks === untouched.marks;
}

/** Runs statements one by one over a connection of their own; gives the rows of the first. */
export async function run<Row extends pg.QueryResultRow>(
  url: string,
  ...statements: string[]
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await runOn<Row>(client, statements);
  } finally {
    await client.end();
  }
}

/** Runs statements one by one; gives the rows of the first. */
export async function runOn<Row extends pg.QueryResultRow>(
  connection: Pick<pg.ClientBase, "query">,
  statements: readonly string[],
): Promise<Row[]> {
  const results = [];
  for (const statement of statements) results.push(await connection.query<Row>(statement));
  return results[0]?.rows ?? [];
}
