import type { Delivery } from "@postrider/sdk";

/**
 * The changes that the stream brought for one list since it was loaded.
 *
 * `head`: new rows that are shown. `waiting`: new rows behind "n new". `changed`: new states of loaded rows. `more`: the
 * number of further new rows, which are not kept.
 */
export type Feed = {
  head: readonly Delivery[];
  waiting: readonly Delivery[];
  changed: ReadonlyMap<string, Delivery>;
  more: number;
};

/** A list right after it was loaded. */
export const emptyFeed: Feed = { head: [], waiting: [], changed: new Map(), more: 0 };

/** The most rows that are kept behind "n new"; with more, the list is loaded again when they are requested. */
export const waitingMax = 1_000;

/** The conditions that decide where an arriving row goes. */
export type Arrival = {
  /** The viewer has scrolled down or paused: rows wait. */
  hold: boolean;
  isLoaded: (id: string) => boolean;
  /** Whether the row belongs to the list, by its filters and its loaded part. */
  belongs: (delivery: Delivery) => boolean;
};

/** Adds changed rows. A shown row changes in place and stays, even when it does not match any more. */
export function arrive(feed: Feed, rows: readonly Delivery[], arrival: Arrival): Feed {
  const head = new Map(feed.head.map((row) => [row.id, row]));
  const waiting = new Map(feed.waiting.map((row) => [row.id, row]));
  const changed = new Map(feed.changed);
  let { more } = feed;
  for (const row of rows) {
    if (head.has(row.id)) head.set(row.id, row);
    else if (waiting.has(row.id)) waiting.set(row.id, row);
    else if (arrival.isLoaded(row.id)) changed.set(row.id, row);
    else if (!arrival.belongs(row)) continue;
    else if (!arrival.hold) head.set(row.id, row);
    else if (waiting.size < waitingMax) waiting.set(row.id, row);
    else more += 1;
  }
  return {
    head: [...head.values()].sort(newestFirst),
    waiting: [...waiting.values()].sort(newestFirst),
    changed,
    more,
  };
}

/** Shows the waiting rows. */
export const release = (feed: Feed): Feed => ({
  ...feed,
  head: [...feed.head, ...feed.waiting].sort(newestFirst),
  waiting: [],
});

/** The rows to show: arrived and loaded ones, newest first, each in its latest state. */
export function shown(feed: Feed, loaded: readonly Delivery[]): Delivery[] {
  const rows: Delivery[] = [];
  let next = 0;
  for (const row of loaded) {
    for (let first = feed.head[next]; first && newestFirst(first, row) < 0; ) {
      rows.push(first);
      next += 1;
      first = feed.head[next];
    }
    rows.push(feed.changed.get(row.id) ?? row);
  }
  return [...rows, ...feed.head.slice(next)];
}

/** The order of the API's lists. */
export function newestFirst(a: Delivery, b: Delivery): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}
