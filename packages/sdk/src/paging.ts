type Row = { id?: string; _id?: string };

/**
 * Goes through all pages of a list by `page` and `size`, from the first one.
 *
 * Lists are newest first: what comes to be meanwhile pushes entries onto the next page, where they are not given again.
 */
export function eachByPage<Item extends object>(
  list: (window: { page: number; size: number }) => Promise<readonly Item[]>,
  size = 300,
): AsyncGenerator<Item> {
  return each((count) => list({ page: count + 1, size }), size);
}

/** The same for lists by `limit` and `offset`. */
export function eachByOffset<Item extends object>(
  list: (window: { limit: number; offset: number }) => Promise<readonly Item[]>,
  limit = 100,
): AsyncGenerator<Item> {
  return each((count) => list({ limit, offset: count * limit }), limit);
}

async function* each<Item extends object>(
  listPage: (count: number) => Promise<readonly Item[]>,
  size: number,
): AsyncGenerator<Item> {
  let before = new Set<string | undefined>();
  for (let count = 0; ; count++) {
    const items = await listPage(count);
    for (const item of items) {
      const id = idOf(item);
      if (id === undefined || !before.has(id)) yield item;
    }
    if (items.length < size) return;
    before = new Set(items.map(idOf));
  }
}

const idOf = ({ id, _id }: Row): string | undefined => _id ?? id;
