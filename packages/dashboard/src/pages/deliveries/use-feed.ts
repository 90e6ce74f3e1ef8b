import type { Delivery } from "@postrider/sdk";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { type DeliverySought, deliveriesQuery } from "../../api/deliveries.ts";
import { arrive, emptyFeed, type Feed, release, shown } from "../../live/feed.ts";
import { useChanges } from "../../live/live.tsx";
import { matches } from "../../live/matches.ts";

/** The most live rows before the list is loaded again, so that a page that is open for days stays small. */
const headMax = 2_000;

/** One list of deliveries that is loaded page by page and kept up to date by the stream. `hold` lets new rows wait. */
export function useFeed(sought: DeliverySought, hold: boolean) {
  const client = useQueryClient();
  const options = deliveriesQuery(sought);
  const query = useInfiniteQuery(options);
  const key = JSON.stringify(options.queryKey);
  const [kept, setKept] = useState<{ key: string; feed: Feed }>({ key, feed: emptyFeed });
  const feed = kept.key === key ? kept.feed : emptyFeed;

  const loaded = useMemo(
    () => query.data?.pages.flatMap(({ deliveries }) => deliveries) ?? [],
    [query.data],
  );
  const ids = useMemo(() => new Set(loaded.map(({ id }) => id)), [loaded]);
  const rows = useMemo(() => shown(feed, loaded), [feed, loaded]);
  const oldest = query.hasNextPage ? loaded.at(-1)?.created_at : undefined;

  const reload = useCallback(() => {
    setKept({ key, feed: emptyFeed });
    void client.resetQueries({ queryKey: JSON.parse(key) as unknown[], exact: true });
  }, [client, key]);

  useChanges(({ rows: arriving, gap }) => {
    if (gap) {
      if (!hold) reload();
      return;
    }
    const belongs = (row: Delivery): boolean =>
      matches(sought, row) && (oldest === undefined || row.created_at >= oldest);
    setKept({
      key,
      feed: arrive(feed, arriving, { hold, isLoaded: (id) => ids.has(id), belongs }),
    });
  });

  useEffect(() => {
    if (feed.head.length > headMax) reload();
  }, [feed.head.length, reload]);

  return {
    query,
    rows,
    newCount: feed.waiting.length + feed.more,
    showNew: () => (feed.more > 0 ? reload() : setKept({ key, feed: release(feed) })),
    reload,
  };
}
