/** The most rows that a page of the API holds. */
const pageMax = 200;

/** Reads the first rows of a list, up to a number, and the cursor after them; null when no row follows. */
export async function firstRows<Row>(
  list: (at: {
    limit: number;
    cursor?: string;
  }) => Promise<{ rows: readonly Row[]; next_cursor: string | null }>,
  limit: number,
): Promise<{ rows: Row[]; next_cursor: string | null }> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const answer = await list({
      limit: Math.min(pageMax, limit - rows.length),
      ...(cursor === null ? {} : { cursor }),
    });
    rows.push(...answer.rows);
    cursor = answer.next_cursor;
  } while (cursor !== null && rows.length < limit);
  return { rows, next_cursor: cursor };
}
