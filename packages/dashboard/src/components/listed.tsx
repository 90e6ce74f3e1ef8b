import type { ReactNode } from "react";
import { MoreButton } from "./more-button.tsx";
import { Failure, SkeletonRows } from "./states.tsx";

type Query = Parameters<typeof MoreButton>[0]["query"] & {
  isPending: boolean;
  isError: boolean;
  isSuccess: boolean;
  error: unknown;
  refetch: () => unknown;
};

type Props<Item> = {
  query: Query;
  /** The items of its loaded pages. */
  items: readonly Item[];
  /** The list's name for screen readers. */
  label: string;
  /** Shown instead of an empty list. */
  empty: ReactNode;
  /** Makes the `li` of an item. */
  row: (item: Item) => ReactNode;
  skeletonRows?: number;
  className?: string;
};

/** A list page by page, in every state: loading, failed, empty, and with more to show. */
export function Listed<Item>(props: Props<Item>) {
  const { query, items, label, empty, row, skeletonRows, className } = props;
  return (
    <>
      {query.isPending && <SkeletonRows {...(skeletonRows && { rows: skeletonRows })} />}
      {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && items.length === 0 && empty}
      {items.length > 0 && (
        <ul aria-label={label} className={className}>
          {items.map(row)}
        </ul>
      )}
      <MoreButton query={query} />
    </>
  );
}
