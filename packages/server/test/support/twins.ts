import { createHash } from "node:crypto";
import type { Database } from "../../src/db/pool.ts";
import type { Sql } from "../../src/db/sql.ts";
import type { Tx } from "../../src/db/transaction.ts";

/** Runs a statement that a test puts together, as nothing in the service does. */
export const runText = (sql: Sql, text: string, ...values: unknown[]) =>
  sql(
    Object.assign(text.split(/\$\d/), { raw: text.split(/\$\d/) }) as TemplateStringsArray,
    ...values,
  ) as Promise<Record<string, unknown>[]>;

const aSecondLater = (column: string): string => `${column} + interval '1 second'`;

/** A key goes with its team, and takes along what is the key's. */
const keyOfTwin = "(select min(id) from api_keys where default_team_id = $twin)";

const keyIfAny = `case when api_key_id is not null then ${keyOfTwin} end`;

/** Tables of which two teams can have the same rows; what has to differ all the same, or shows whose row it is. */
const twinned: Readonly<Record<string, Record<string, string>>> = {
  subscriptions: {
    name: "'of the twin'",
    url: "'https://twin.example/'",
    sealed_signing_secret: "'twin'::bytea",
  },
  workflows: {},
  workflow_versions: {},
  runs: {},
  steps: {},
  assistants: {},
  calls: {},
  call_messages: {},
  idempotency_keys: { fingerprint: "'twin'::bytea" },
  fact_identities: {},
  audit_log: {},
  rollups: {},
  delivery_changes: {},
  request_heads: {},
  failure_streaks: {},
  replays: {},
  operational_happenings: {},
  replayed_deliveries: {},
  listeners: {},
  listener_requests: {},
  portal_links: { token_sha256: "sha256(token_sha256)" },
  sessions: { token_sha256: "sha256(token_sha256)", api_key_id: keyIfAny },
  login_links: { api_key_id: keyOfTwin },
  erasures: {},
  // An event is of one team by its id, and an attempt of one delivery: their twins are a second younger.
  events: { created_at: aSecondLater("created_at") },
  deliveries: { created_at: aSecondLater("created_at") },
  attempts: { delivery_created_at: aSecondLater("delivery_created_at") },
};

/**
 * Gives a team the same things that another one has, under the same ids.
 *
 * Subscriptions have ids that no other team's has, and so has what goes to them: a database that holds twins cannot
 * insist on that.
 */
export async function makeTwin({ sql }: Database, of: string, twin: string): Promise<void> {
  const copy = async (table: string, changes: Record<string, string>) => {
    const columns = await sql<{ name: string }>`
      select column_name as name from information_schema.columns
      where table_schema = 'public' and table_name = ${table} and is_generated = 'NEVER'`;
    const names = columns.map(({ name }) => `"${name}"`);
    const values = columns.map(({ name }) =>
      name === "team_id"
        ? `'${twin}'`
        : (changes[name]?.replace("$twin", `'${twin}'`) ?? `"${name}"`),
    );
    await runText(
      sql,
      `insert into ${table} (${names}) select ${values} from ${table} where team_id = $1`,
      of,
    );
  };
  await sql`drop index subscriptions_id, one_delivery_per_event_and_subscription`;
  for (const [table, changes] of Object.entries(twinned)) {
    await copy(table, changes);
    // The twin's rows come first: whoever takes the first of both takes the wrong one.
    await runText(sql, `update ${table} set team_id = team_id where team_id = $1`, of);
  }
}

/** Takes away everything of a team, itself and its keys as well. */
export async function removeTeam(tx: Tx, teamId: string): Promise<void> {
  for (const table of Object.keys(twinned).reverse()) {
    await runText(tx, `delete from ${table} where team_id = $1`, teamId);
  }
  await tx`delete from api_key_teams where team_id = ${teamId}`;
  await tx`delete from api_keys where default_team_id = ${teamId}`;
  await tx`delete from teams where id = ${teamId}`;
}

/** Everything that the database holds for a team, as text, without the instants of the present. */
export async function stateOf(tx: Tx, teamId: string): Promise<string[]> {
  const whose = [
    ...[...Object.keys(twinned), "api_key_teams"].map((table) => [table, "team_id"]),
    ["teams", "id"],
    ["api_keys", "default_team_id"],
  ];
  const all = whose.map(
    ([table, column]) =>
      `select '${table}' as of, to_jsonb(t) as row from ${table} t where ${column} = $1`,
  );
  const rows = await runText(tx, all.join(" union all "), ...whose.map(() => teamId));
  return rows.map(timeless).sort();
}

/** Bytes take the room of numbers else. */
const briefly = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "data" in value && Array.isArray(value.data)
    ? createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16)
    : value;

/**
 * As text, with every instant, transaction and start of a walk replaced: what happens now happens at another time each time, and
 * a snapshot counts the transactions of all databases.
 */
export const timeless = (value: unknown): string =>
  (JSON.stringify(value, briefly) ?? "nothing")
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|\+00(?::00)?)?/g, "an instant")
    .replace(/"changed_in":"\d+"/g, '"changed_in":"a transaction"')
    .replace(/\["\d+:\d+:[\d,]*","\d+"\]/g, "a start");
