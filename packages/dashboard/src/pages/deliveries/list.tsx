import type { Delivery } from "@postrider/sdk";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useImperativeHandle, useRef } from "react";
import { columns, DeliveryRow } from "./row.tsx";

/** The functions of the list that the page calls. */
export type ListHandle = { focus: (index: number) => void; toTop: () => void };

type Props = {
  rows: readonly Delivery[];
  openId: string | undefined;
  twoLines: boolean;
  hasMore: boolean;
  loadingMore: boolean;
  nameOf: (endpointId: string) => string;
  hrefOf: (id: string) => string;
  onOpen: (id: string) => void;
  onMore: () => void;
  onScrolled: (scrolled: boolean) => void;
  ref: React.Ref<ListHandle>;
};

const rowPx = { one: 36, two: 58 };
/** The next page is loaded when this few rows are left below. */
const aheadRows = 30;

/** An endless list of deliveries; only the visible rows are rendered. */
export function DeliveryList(props: Props) {
  const { rows, twoLines, hasMore, loadingMore, onMore, onScrolled } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (twoLines ? rowPx.two : rowPx.one),
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 12,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: heights change with the width alone
  useEffect(() => virtual.measure(), [twoLines]);

  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const needsMore = hasMore && !loadingMore && last >= rows.length - aheadRows;
  useEffect(() => {
    if (needsMore) onMore();
  }, [needsMore, onMore]);

  useImperativeHandle(props.ref, () => ({
    focus(index) {
      virtual.scrollToIndex(index);
      const id = rows[index]?.id;
      requestAnimationFrame(() =>
        scroller.current?.querySelector<HTMLElement>(`[data-delivery="${id}"]`)?.focus(),
      );
    },
    toTop: () => virtual.scrollToOffset(0),
  }));

  return (
    <div
      role="table"
      aria-label="Deliveries"
      aria-rowcount={hasMore ? -1 : rows.length + 1}
      className="@container flex min-h-0 flex-1 flex-col"
    >
      <div role="rowgroup" className={twoLines ? "sr-only" : ""}>
        <div
          role="row"
          aria-rowindex={1}
          className={`${columns} h-[30px] border-b border-line text-xs font-[550] text-ink-3`}
        >
          <span role="columnheader">Status</span>
          <span role="columnheader">Event</span>
          <span role="columnheader">Endpoint</span>
          <span role="columnheader" className="@max-[600px]:hidden">
            Attempts
          </span>
          <span role="columnheader" className="text-right">
            Answer
          </span>
          <span role="columnheader" className="text-right">
            Age
          </span>
        </div>
      </div>
      <div
        ref={scroller}
        role="rowgroup"
        className="min-h-0 flex-1 overflow-y-auto [overflow-anchor:none]"
        onScroll={({ currentTarget }) => onScrolled(currentTarget.scrollTop > 8)}
      >
        <div role="presentation" className="relative" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const delivery = rows[item.index];
            if (delivery === undefined) return null;
            return (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                className="absolute inset-x-0 top-0"
                style={{ height: item.size, transform: `translateY(${item.start}px)` }}
              >
                <DeliveryRow
                  delivery={delivery}
                  endpointName={props.nameOf(delivery.endpoint_id)}
                  open={delivery.id === props.openId}
                  twoLines={twoLines}
                  href={props.hrefOf(delivery.id)}
                  onOpen={() => props.onOpen(delivery.id)}
                />
              </div>
            );
          })}
        </div>
        {loadingMore && <p className="px-4 py-2 text-ink-3">Loading older ones…</p>}
      </div>
    </div>
  );
}
