// Filling tables faster than the service could: rows are made inside PostgreSQL, and indexes are built once, afterwards.
import pg from "pg";

/** Opens a connection for filling tables; its settings are its own, so what is measured later runs without them. */
export async function openFiller(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "postrider bench" });
  await client.connect();
  await client.query(`
    set synchronous_commit = off;
    set maintenance_work_mem = '1GB';
    set max_parallel_maintenance_workers = 2;
    set work_mem = '256MB';
    set timezone = 'UTC'`);
  return client;
}

/** Runs `work` while a table has no indexes and no primary key, and builds them again from their own definitions. */
export async function withoutIndexes(
  client: pg.Client,
  table: string,
  work: () => Promise<void>,
): Promise<void> {
  const { rows } = await client.query<{ down: string; up: string }>(
    `select case when c.oid is null then format('drop index %s', i.indexrelid::regclass)
                 else format('alter table %s drop constraint %I', i.indrelid::regclass, c.conname)
            end as down,
            case when c.oid is null then pg_get_indexdef(i.indexrelid)
                 else format('alter table %s add constraint %I %s', i.indrelid::regclass, c.conname,
                             pg_get_constraintdef(c.oid))
            end as up
     from pg_index i
     left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
     where i.indrelid = $1::regclass`,
    [table],
  );
  for (const { down } of rows) await client.query(down);
  await work();
  for (const { up } of rows) await client.query(up);
}

/** Fills a day's partitions of events and attempts before they are attached: attaching builds their indexes. */
export async function withDay(
  client: pg.Client,
  day: string,
  work: (tables: { events: string; attempts: string }) => Promise<void>,
): Promise<void> {
  const suffix = day.replaceAll("-", "");
  const tables = { events: `events_${suffix}`, attempts: `attempts_${suffix}` };
  for (const parent of ["events", "attempts"] as const) {
    await client.query(
      `create table ${tables[parent]} (like ${parent} including defaults including constraints)`,
    );
  }
  await work(tables);
  for (const parent of ["events", "attempts"] as const) {
    // The attaching transaction waits for nobody: filling sessions hold locks on their own partitions alone.
    await client.query(
      `alter table ${parent} attach partition ${tables[parent]}
       for values from ('${day} 00:00:00+00') to ('${day} 00:00:00+00'::timestamptz + interval '1 day')`,
    );
  }
}

/** Marks all rows as visible and takes statistics, as autovacuum would have done by then. */
export async function settle(client: pg.Client): Promise<void> {
  await client.query("vacuum (analyze) deliveries");
  await client.query("vacuum (analyze) events");
  await client.query("vacuum (analyze) attempts");
  await client.query("analyze subscriptions");
  await client.query("checkpoint");
}

/** A subscription to be written as it is, without the API. */
export type GivenSubscription = {
  teamId: string;
  id: string;
  contract: "workflow" | "organisation" | "assistant";
  url: string;
  eventTypes: readonly string[];
  enabled: boolean;
  timeoutSeconds: number;
  /** The envelope of its signing secret; anything where nothing is ever signed. */
  sealedSigningSecret: Buffer;
};

/** Writes subscriptions; contract C's are their assistant's, which is written as well. */
export async function writeSubscriptions(
  client: pg.Client,
  subscriptions: readonly GivenSubscription[],
): Promise<void> {
  const column = <K extends keyof GivenSubscription>(name: K) => subscriptions.map((s) => s[name]);
  await client.query(
    `insert into subscriptions (team_id, id, contract, name, url, event_types, enabled, subject_id,
       timeout_seconds, max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
     select team_id, id, contract, 'bench', url, string_to_array(types, ' '), enabled,
            case when contract = 'assistant' then id end, timeout_seconds,
            case when contract = 'assistant' then 0 else 3 end, 300, secret, 'system', 'system'
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::int4[],
                 $8::bytea[])
       as s (team_id, id, contract, url, types, enabled, timeout_seconds, secret)`,
    [
      column("teamId"),
      column("id"),
      column("contract"),
      column("url"),
      column("eventTypes").map((types) => types.join(" ")),
      column("enabled"),
      column("timeoutSeconds"),
      column("sealedSigningSecret"),
    ],
  );
  await client.query(
    `insert into assistants (team_id, id, name, hang_timeout_seconds, document, created_by, updated_by)
     select team_id, id, 'bench', 5, '{}', 'system', 'system'
     from subscriptions where contract = 'assistant'
     on conflict do nothing`,
  );
}

/** Writes teams. */
export async function writeTeams(client: pg.Client, ids: readonly string[]): Promise<void> {
  await client.query(
    "insert into teams (id, name) select id, 'bench' from unnest($1::text[]) as t (id)",
    [ids],
  );
}
