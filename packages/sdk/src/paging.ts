/** The query of a walk through a list: without `page` and `offset`; a `cursor` continues an earlier walk. */
export type Walk<Query> = Omit<Query, "page" | "offset">;

/**
 * Reads a list by cursor: yields each row that existed at the first page and still matches when it is reached, exactly
 * once, whatever is added or removed meanwhile. Newer rows are left out.
 */
export async function* eachByCursor<Answer extends { next_cursor: string | null }, Item>(
  list: (at: { cursor?: string }) => Promise<Answer>,
  rowsOf: (answer: Answer) => readonly Item[],
): AsyncGenerator<Item> {
  let answer = await list({});
  yield* rowsOf(answer);
  while (answer.next_cursor) {
    answer = await list({ cursor: answer.next_cursor });
    yield* rowsOf(answer);
  }
}
