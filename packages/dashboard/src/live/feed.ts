import type { Delivery } from "@postrider/sdk";

/**
 * What the stream brought for one list since it was loaded.
 *
 * `head` is shown above or among the loaded rows, `waiting` stands behind "n new", `changed` has new states of loaded
 * rows. `more` counts what came beyond what is kept.
 */
export type Feed = {
  head: readonly Delivery[];
  waiting: readonly Delivery[];
  changed: ReadonlyMap<string, Delivery>;
  more: number;
};

/** A list right after it was loaded. */
export const emptyFeed: Feed = { head: [], waiting: [], changed: new Map(), more: 0 };

/** So many rows are kept behind "n new"; beyond that the list is loaded anew when they are asked for. */
export const waitingMax = 1_000;

/** What decides where an arriving row goes. */
export type Arrival = {
  /** A person reads further down, or has paused: rows wait. */
  hold: boolean;
  isLoaded: (id: string) => boolean;
  /** Whether the list would have the row: its filters, and how far down it was loaded. */
  belongs: (delivery: Delivery) => boolean;
};

/** Takes in rows that changed. What is shown changes in place and never leaves, even when it matches no more. */
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

/** Shows what waited. */
export const release = (feed: Feed): Feed => ({
  ...feed,
  head: [...feed.head, ...feed.waiting].sort(newestFirst),
  waiting: [],
});

/** The rows as they are shown: what arrived among what was loaded, newest first, each in its latest state. */
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
