import type { Database, TeamDatabase } from "../../src/db/pool.ts";
import { type Sql, SqlPart } from "../../src/db/sql.ts";
import type { Tx } from "../../src/db/transaction.ts";

/** What was taken out of statements: how often, so that a test can tell that it was not nothing. */
export type Unfiltered = { database: TeamDatabase; filtersTaken(): number };

/** Takes every comparison with a team out of the statements, as if all of them had been forgotten. */
export function withoutTeamFilters(database: TeamDatabase): Unfiltered {
  let taken = 0;

  const stripped = (strings: readonly string[]): TemplateStringsArray => {
    const parts = [...strings];
    parts.forEach((part, index) => {
      const joins = part.replace(/(?:\b\w+\.)?\bteam_id = (?:\w+\.)team_id\b/g, "true");
      const compares = joins.replace(/(?:\b\w+\.)?\bteam_id = (any\()?$/, "(true or ");
      if (compares !== part) taken++;
      parts[index] = compares;
      if (compares === joins) return;
      const rest = parts[index + 1] ?? "";
      // The parameter stays: its place is counted.
      parts[index + 1] = rest.startsWith("::text[])")
        ? `::text[] is null)${rest.slice("::text[])".length)}`
        : `::text is null)${rest}`;
    });
    return Object.assign(parts, { raw: parts });
  };

  const strippedPart = (value: unknown): unknown =>
    value instanceof SqlPart
      ? new SqlPart(stripped(value.strings), value.values.map(strippedPart))
      : value;

  const strip = (sql: Sql): Sql =>
    ((first: TemplateStringsArray | string, ...values: unknown[]) =>
      typeof first === "string"
        ? (strings: TemplateStringsArray, ...named: unknown[]) =>
            sql(first)(stripped(strings), ...named.map(strippedPart))
        : sql(stripped(first), ...values.map(strippedPart))) as Sql;

  const stripTx = (tx: Tx): Tx =>
    Object.assign(strip(tx), { now: tx.now, commitBehind: tx.commitBehind }) as Tx;

  const stripAll = ({ sql, begin, beginReading }: Database): Database => ({
    sql: strip(sql),
    begin: (work) => begin((tx) => work(stripTx(tx))),
    beginReading: (work) => beginReading((tx) => work(stripTx(tx))),
  });

  return {
    database: {
      forTeams: (teamIds) => stripAll(database.forTeams(teamIds)),
      close: () => database.close(),
    },
    filtersTaken: () => taken,
  };
}

/** The same statements over connections that no wall stands in the way of. */
export const withoutWall = (owner: Database): TeamDatabase => ({
  forTeams: () => owner,
  close: async () => {},
});
