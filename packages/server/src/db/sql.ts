import type pg from "pg";

/** A row as the driver gives it: columns by name. */
type Row = Record<string, unknown>;

/**
 * Runs one statement written as a template; every `${value}` is a parameter, never text.
 *
 * `sql("name")` gives the same statement a name: it is parsed once per connection, which is worth it for the few
 * statements of the hot path and wrong for lists, whose best plan depends on their filters. It names its columns: PostgreSQL
 * refuses a prepared `select *` for the rest of the connection once a migration has added or removed a column.
 */
export type Sql = {
  <T extends object = Row>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T[]>;
  (
    name: string,
  ): <T extends object = Row>(strings: TemplateStringsArray, ...values: unknown[]) => Promise<T[]>;
};

/** A part of a statement with its own parameters. Used as a value in a statement or in another part, it is inserted there. */
export class SqlPart {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings;
    this.values = values;
  }
}

/** Makes a part of a statement from a template. */
export const part = (strings: TemplateStringsArray, ...values: unknown[]): SqlPart =>
  new SqlPart(strings, values);

/** Joins parts with the same text between them. */
export const joined = (
  parts: readonly SqlPart[],
  between: " and " | " or " | " union all ",
): SqlPart =>
  new SqlPart(parts.length === 0 ? [""] : ["", ...parts.slice(1).map(() => between), ""], parts);

/** Joins conditions with `and`; false is left out. */
export const allOf = (conditions: readonly (SqlPart | false)[]): SqlPart =>
  joined([part`true`, ...conditions.filter((condition) => condition !== false)], " and ");

/** Runs a statement on a connection. */
export type RunQuery = (query: pg.QueryConfig) => Promise<pg.QueryResult>;

/** Makes the template function that runs statements. */
export function statementRunner(query: RunQuery): Sql {
  const run = (name: string | undefined, strings: TemplateStringsArray, values: unknown[]) =>
    query({
      ...(name === undefined ? {} : { name }),
      ...(values.some((value) => value instanceof SqlPart)
        ? compose(strings, values)
        : { text: statementText(strings), values }),
    }).then((result) => result.rows);
  return ((first: TemplateStringsArray | string, ...values: unknown[]) =>
    typeof first === "string"
      ? (strings: TemplateStringsArray, ...named: unknown[]) => run(first, strings, named)
      : run(undefined, first, values)) as Sql;
}

// A template's strings are one frozen array for each place in the source, so its text is made once.
const texts = new WeakMap<TemplateStringsArray, string>();

function statementText(strings: TemplateStringsArray): string {
  let text = texts.get(strings);
  if (text === undefined) {
    text = strings.reduce((sofar, part, index) => `${sofar}$${index}${part}`);
    texts.set(strings, text);
  }
  return text;
}

/** Inserts parts into their statement; parameters are numbered in the order of their places. */
function compose(strings: readonly string[], values: readonly unknown[]) {
  const parameters: unknown[] = [];
  const textOf = (texts: readonly string[], given: readonly unknown[]): string =>
    texts.reduce((sofar, text, index) => {
      const value = given[index - 1];
      if (value instanceof SqlPart) return sofar + textOf(value.strings, value.values) + text;
      return `${sofar}$${parameters.push(value)}${text}`;
    });
  return { text: textOf(strings, values), values: parameters };
}
