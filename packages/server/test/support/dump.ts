import type { Database } from "../../src/db/pool.ts";

/** Dumps every table as text, bytes in hexadecimal, as a backup in plain format would. */
export async function dumpDatabase({ sql }: Database): Promise<Map<string, string>> {
  const tables = await sql<{ name: string }>`
    select c.relname as name from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`;
  const dump = new Map<string, string>();
  for (const { name } of tables) {
    const text = `select string_agg(t::text, E'\n') as text from "${name}" t`;
    const strings = Object.assign([text], { raw: [text] });
    const [row] = await sql<{ text: string | null }>(strings);
    dump.set(name, row?.text ?? "");
  }
  return dump;
}

/** Names the tables in which a word stands: as text, or in bytes, or in base64 at any offset. */
export async function tablesWith(database: Database, word: string): Promise<string[]> {
  const forms = [word, Buffer.from(word).toString("hex")];
  for (const offset of ["", "x", "xx"]) {
    const base64 = Buffer.from(offset + word).toString("base64");
    // Its first and last characters depend on what stands beside the word.
    forms.push(base64.slice(4, -4));
  }
  const dump = await dumpDatabase(database);
  return [...dump]
    .filter(([, text]) => forms.some((form) => text.includes(form)))
    .map(([name]) => name)
    .sort();
}
