type Row = { id?: string; _id?: string };

/** The query of a walk: where it begins is its own, but for a `cursor` from which it goes on. */
export type Walk<Query> = Omit<Query, "page" | "offset">;

/**
 * Goes through a list by cursor: gives each row that existed at the first page and still matches when it is reached,
 * exactly once, whatever is added or removed meanwhile. Newer rows are not given.
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

/**
 * Goes through deliveries, newest first, by `page` and `size`: their list has no cursor yet.
 *
 * A delivery whose status changes leaves the list of a status, and moves others onto a page that was read before. So
 * with a `status` the pages are read again until they show no delivery that was not given yet: retrying each failed one
 * misses none. A delivery that somebody else moves during the last reading may be missed. Deliveries made more than a
 * minute after the first one are not given.
 */
export function eachDelivery<Item extends Delivery>(
  list: (window: { page: number; size: number }) => Promise<readonly Item[]>,
  { status, size = 300 }: { status?: string; size?: number },
): AsyncGenerator<Item> {
  return status === undefined ? eachByPage(list, size) : eachOfStatus(list, size);
}

type Delivery = { _id: string; created_at: string };

/** Ids order the list, and tell the time of the process that made them: a clock may be off by as much. */
const clocksDifferMsMax = 60_000;

async function* eachOfStatus<Item extends Delivery>(
  list: (window: { page: number; size: number }) => Promise<readonly Item[]>,
  size: number,
): AsyncGenerator<Item> {
  const given = new Set<string>();
  let lastMs: number | undefined;
  for (let isMissing = true; isMissing; ) {
    isMissing = false;
    for (let page = 1, count = size; count === size; page++) {
      const items = await list({ page, size });
      count = items.length;
      lastMs ??= Date.parse(items[0]?.created_at ?? "") + clocksDifferMsMax;
      for (const item of items) {
        if (given.has(item._id) || Date.parse(item.created_at) > lastMs) continue;
        given.add(item._id);
        yield item;
        // What was done to it can move what the next pages show. Behind a page that is not full there is none.
        isMissing ||= count === size;
      }
    }
  }
}

/**
 * Goes through all pages of a list that has no cursor yet by `page` and `size`, from the first one.
 *
 * Lists are newest first: what comes to be meanwhile pushes entries onto the next page, where they are not given again.
 * What is removed meanwhile pulls entries onto a page that was read before, and those are missed.
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
