import { requireObject } from "./guards.ts";

/** The query of a walk through a list: without `page` and `offset`; a `cursor` continues an earlier walk. */
export type Walk<Query> = Omit<Query, "page" | "offset">;

/**
 * Reads a list by cursor: yields each row that existed at the first page and still matches when it is reached, exactly
 * once, whatever is added or removed meanwhile. Newer rows are left out.
 */
export async function* eachByCursor<
  Query extends object,
  Answer extends { next_cursor: string | null },
  Item,
>(
  query: Query,
  list: (query: Query & { cursor?: string }) => Promise<Answer>,
  rowsOf: (answer: Answer) => readonly Item[],
): AsyncGenerator<Item> {
  requireObject(query, "The query");
  let answer = await list(query);
  yield* rowsOf(answer);
  while (answer.next_cursor) {
    answer = await list({ ...query, cursor: answer.next_cursor });
    yield* rowsOf(answer);
  }
}
