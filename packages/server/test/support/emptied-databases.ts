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

/**
 * Removes every row but the migrations', and what PostgreSQL has counted.
 *
 * Deleting takes a tenth of the time of truncating; a large table is truncated, or the next test would walk over what is
 * left of it.
 */
const empty = `
  do $$
  declare
    names text[] := array(
      select oid::regclass::text from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'schema_migrations');
    name text;
  begin
    perform pg_stat_reset();
    if exists (select from unnest(names) as t (name) where pg_table_size(t.name::regclass) > ${largeBytes}) then
      execute 'truncate ' || array_to_string(names, ', ');
    else
      set local session_replication_role = replica;
      foreach name in array names loop
        execute 'delete from ' || name;
      end loop;
    end if;
  end $$`;

/** Reads what marks an untouched database. */
export async function readMarks(url: string): Promise<string> {
  const [row] = await run<{ marks: string }>(url, marks);
  if (!row) throw new Error("a database has no marks");
  return row.marks;
}

/** Empties a database that a test has left; says whether it is as an untouched one, whose marks these are. */
export async function emptyDatabase(url: string, untouched: string): Promise<boolean> {
  const [row] = await run<{ marks: string }>(url, marks, empty);
  return row?.marks === untouched;
}

/** Runs statements one by one over a connection of their own; gives the rows of the first. */
export async function run<Row extends pg.QueryResultRow>(
  url: string,
  ...statements: string[]
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const results = [];
    for (const statement of statements) results.push(await client.query<Row>(statement));
    return results[0]?.rows ?? [];
  } finally {
    await client.end();
  }
}
