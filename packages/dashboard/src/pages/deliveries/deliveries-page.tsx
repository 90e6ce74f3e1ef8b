import { useMutation } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { retryDelivery } from "../../api/deliveries.ts";
import { useEndpointNames } from "../../components/names.ts";
import { useNarrow } from "../../components/narrow.ts";
import { Page } from "../../components/page.tsx";
import { Empty, Failure, SkeletonRows } from "../../components/states.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { place } from "../../place.ts";
import { printSearch, useTypedSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";
import { shortId } from "../../words/names.ts";
import { DeliveryDetail } from "../delivery/delivery-detail.tsx";
import { ReplayDialog } from "../replays/replay-dialog.tsx";
import { Filters } from "./filters.tsx";
import { useKeys } from "./keys.ts";
import { DeliveryList, type ListHandle } from "./list.tsx";
import { LiveButton } from "./live-button.tsx";
import { deliveriesSpec, isFiltered, replayFilterOf, soughtOf } from "./sought.ts";
import { useFeed } from "./use-feed.ts";

/** All deliveries, one of them open beside the list. */
export default function DeliveriesPage() {
  const [address, change] = useTypedSearch(deliveriesSpec);
  const sought = useMemo(() => soughtOf(address), [address]);
  const [paused, setPaused] = useState(false);
  const [replays, setReplays] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const { query, rows, newCount, showNew, reload } = useFeed(sought, paused || scrolled);
  const narrow = useNarrow();
  const list = useRef<ListHandle>(null);
  const endpointIds = useMemo(() => [...new Set(rows.map((row) => row.endpoint_id))], [rows]);
  const nameOf = useEndpointNames(endpointIds);
  const mayWrite = useMay("write");
  const openId = address.delivery;
  const retrying = useMutation({
    mutationFn: retryDelivery,
    onSuccess: () => say("It is being delivered again"),
    onError: sayFailure,
  });

  useKeys((key) => {
    const focused = document.activeElement?.getAttribute("data-delivery");
    const current = openId ?? focused ?? undefined;
    const index = rows.findIndex(({ id }) => id === current);
    if (key === "j" || key === "k") {
      const next = rows[index + (key === "j" ? 1 : -1)] ?? (index < 0 ? rows[0] : undefined);
      if (next === undefined) return true;
      list.current?.focus(rows.indexOf(next));
      if (openId !== undefined) change({ delivery: next.id }, { replace: true });
      return true;
    }
    if (key === "r" && mayWrite && current !== undefined) {
      retrying.mutate(current);
      return true;
    }
    if (key === "Escape" && openId !== undefined) {
      change({ delivery: undefined });
      return true;
    }
    return false;
  });

  const covered = narrow && openId !== undefined;
  return (
    <Page
      fill
      title="Deliveries"
      actions={
        <>
          <LiveButton
            paused={paused}
            onPause={(next) => {
              setPaused(next);
              if (!next) showNew();
            }}
          />
          {mayWrite && (
            <button type="button" className="btn" onClick={() => setReplays(true)}>
              Replay these…
            </button>
          )}
        </>
      }
    >
      {!covered && <Filters address={address} change={change} />}
      <div
        className={`grid min-h-0 flex-1 ${openId !== undefined && !narrow ? "grid-cols-[minmax(0,1fr)_minmax(420px,44%)]" : "grid-cols-[minmax(0,1fr)]"}`}
      >
        <div className={`min-h-0 min-w-0 flex-col bg-surface ${covered ? "hidden" : "flex"}`}>
          {newCount > 0 && (
            <button
              type="button"
              className="border-b border-line bg-accent-soft p-1.5 text-center text-[13px] font-[600] text-accent"
              onClick={() => {
                showNew();
                list.current?.toTop();
              }}
            >
              {newCount} new
            </button>
          )}
          {query.isPending && <SkeletonRows rows={16} />}
          {query.isError && rows.length === 0 && (
            <Failure error={query.error} onRetry={() => reload()} />
          )}
          {query.isSuccess && rows.length === 0 && <NothingHere filtered={isFiltered(sought)} />}
          {rows.length > 0 && (
            <DeliveryList
              ref={list}
              rows={rows}
              openId={openId}
              twoLines={narrow}
              hasMore={query.hasNextPage}
              loadingMore={query.isFetchingNextPage}
              nameOf={(id) => nameOf(id) ?? shortId(id)}
              hrefOf={(id) =>
                `${place.base}/deliveries${printSearch({ ...address, delivery: id })}`
              }
              onOpen={(id) => change({ delivery: id }, { replace: openId !== undefined })}
              onMore={() => void query.fetchNextPage()}
              onScrolled={setScrolled}
            />
          )}
        </div>
        {replays && (
          <ReplayDialog
            filter={replayFilterOf(sought)}
            what={isFiltered(sought) ? "what is filtered here" : "every delivery"}
            onClose={() => setReplays(false)}
          />
        )}
        {openId !== undefined && (
          <div className="@container min-h-0 min-w-0 overflow-y-auto border-l border-line bg-bg">
            <DeliveryDetail
              key={openId}
              id={openId}
              onClose={() => change({ delivery: undefined })}
            />
          </div>
        )}
      </div>
    </Page>
  );
}

const NothingHere = ({ filtered }: { filtered: boolean }) =>
  filtered ? (
    <Empty title="No delivery matches these filters">
      <p>New matching rows appear here automatically.</p>
      <Link href="/deliveries" className="btn">
        Clear all filters
      </Link>
    </Empty>
  ) : (
    <Empty title="No deliveries yet">
      <p>A delivery appears here when an endpoint is subscribed to an event.</p>
      <Link href={place.kind === "portal" ? "/endpoints" : "/start"} className="btn">
        {place.kind === "portal" ? "See the endpoints" : "Send the first one"}
      </Link>
    </Empty>
  );
