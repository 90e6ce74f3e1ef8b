import { keyIdInRecord } from "../secrets.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** A table with sealed columns, and how a value's seal context is made from its row. */
export type SealedTable = {
  name: string;
  /** The primary key, in its order, with types. */
  key: readonly (readonly [column: string, type: string])[];
  /** Columns whose texts, joined by slashes, are the row's id in seal contexts. */
  rowId: readonly string[];
  /** Columns that have a sealed record or null. */
  records: readonly string[];
  /** Columns whose value is sealed when it begins with a zero byte (see sealed-values.ts). */
  values: readonly string[];
};

const team = ["team_id", "text"] as const;
const teamAndId = [team, ["id", "text"]] as const;
const records: readonly string[] = [];

/** All sealed columns of the database, except the words of encryption_checks. */
export const sealedTables: readonly SealedTable[] = [
  {
    name: "subscriptions",
    key: teamAndId,
    rowId: ["id"],
    records: [
      "sealed_credential",
      "sealed_headers",
      "sealed_signing_secret",
      "sealed_previous_secret",
    ],
    values: [],
  },
  {
    name: "listener_requests",
    key: teamAndId,
    rowId: ["id"],
    records: ["sealed_headers", "sealed_answer"],
    values: [],
  },
  {
    name: "idempotency_keys",
    key: [team, ["key", "text"]],
    rowId: ["key"],
    records: ["sealed_response"],
    values: [],
  },
  {
    name: "runs",
    key: teamAndId,
    rowId: ["id"],
    records,
    values: ["input", "output", "collected_information", "error", "earlier"],
  },
  {
    name: "steps",
    key: [team, ["run_id", "text"], ["id", "text"]],
    rowId: ["run_id", "id"],
    records,
    values: ["output", "error", "earlier"],
  },
  {
    name: "calls",
    key: teamAndId,
    rowId: ["id"],
    records,
    values: [
      "user_number",
      "assistant_number",
      "metadata",
      "recording",
      "analysis",
      "cost",
      "metrics",
      "reported",
    ],
  },
  {
    name: "call_messages",
    key: [team, ["call_id", "text"], ["position", "integer"]],
    rowId: ["call_id", "message_id"],
    records,
    values: ["text", "metrics"],
  },
  {
    name: "events",
    key: [
      ["id", "uuid"],
      ["created_at", "timestamptz"],
    ],
    rowId: ["id"],
    records,
    values: ["payload"],
  },
  {
    name: "attempts",
    key: [
      ["delivery_id", "text"],
      ["number", "smallint"],
      ["delivery_created_at", "timestamptz"],
    ],
    rowId: ["delivery_id", "number"],
    records: ["sealed_response_body", "sealed_response_headers"],
    values: [],
  },
];

/** A row with values that another key than the given one sealed; null: nothing to do for this column. */
export type SealedRow = {
  key: string[];
  teamId: string;
  rowId: string;
  values: Record<string, Buffer | null>;
};

/**
 * Reads `limit` rows of a table in key order, after `after`, and returns those with values that another key sealed.
 *
 * `last` is where to continue; undefined at the end of the table. The statement's text is made only from the names above.
 */
export async function listSealedByOthersOfAllTeams(
  sql: Sql,
  table: SealedTable,
  { keyId, after, limit }: { keyId: string; after: readonly string[] | undefined; limit: number },
): Promise<{ rows: SealedRow[]; last: string[] | undefined }> {
  const key = table.key.map(([column]) => column);
  const columns = [...table.records, ...table.values];
  const conditions = columns.map((column) => sealedByAnother(table, column));
  const shown = columns.map(
    (column, at) => `case when ${conditions[at]} then ${column} end as ${column}`,
  );
  const bounds = table.key.map(([, type], at) => `$${at + 3}::${type}`);
  const found = await sql<FoundRow>(
    statement(`
      select array[${key.map((column) => `${column}::text`)}] as row_key, team_id as row_team,
             concat_ws('/', ${table.rowId}) as row_id, coalesce(${conditions.join(" or ")}, false) as matches,
             ${shown}
      from ${table.name}
      where (${key}) > (${bounds})
      order by ${key}
      limit $2`),
    Buffer.from(keyId, "hex"),
    limit,
    ...table.key.map(([, type], at) => after?.[at] ?? lowest[type]),
  );
  const rows = found
    .filter(({ matches }) => matches)
    .map(({ row_key: rowKey, row_team: teamId, row_id: rowId, matches: _, ...values }) => ({
      key: rowKey,
      teamId,
      rowId,
      values: values as Record<string, Buffer | null>,
    }));
  return { rows, last: found.length < limit ? undefined : found.at(-1)?.row_key };
}

type FoundRow = { row_key: string[]; row_team: string; row_id: string; matches: boolean };

/** Replaces a value by its new seal; false when the old value was changed meanwhile. */
export async function replaceSealed(
  tx: Tx,
  table: SealedTable,
  row: SealedRow,
  change: { column: string; before: Buffer; after: Buffer },
): Promise<boolean> {
  const isRow = table.key.map(([column, type], at) => `${column} = $${at + 3}::${type}`);
  const rows = await tx(
    statement(`
      update ${table.name} set ${change.column} = $2
      where ${isRow.join(" and ")} and ${change.column} = $1
      returning 1`),
    change.before,
    change.after,
    ...row.key,
  );
  return rows.length === 1;
}

/** The value that sorts before every key of a type. */
const lowest: Record<string, string> = {
  text: "",
  uuid: "00000000-0000-0000-0000-000000000000",
  timestamptz: "-infinity",
  integer: "-1",
  smallint: "-1",
};

function sealedByAnother({ values }: SealedTable, column: string): string {
  const { from, bytes } = keyIdInRecord;
  return values.includes(column)
    ? `substr(${column}, 1, 1) = '\\x00' and substr(${column}, ${from + 1}, ${bytes}) <> $1`
    : `substr(${column}, ${from}, ${bytes}) <> $1`;
}

/** Makes a statement whose parameters are numbered already. */
const statement = (text: string): TemplateStringsArray => Object.assign([text], { raw: [text] });
