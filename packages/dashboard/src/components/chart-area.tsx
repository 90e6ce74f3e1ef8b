import { type ComponentProps, lazy, Suspense } from "react";

const Chart = lazy(async () => ({ default: (await import("./chart.tsx")).Chart }));

/** The place of a chart, as high as one while its data load. `empty` says in words that there is nothing to draw. */
export function ChartArea({
  empty,
  chart,
}: {
  empty: string;
  /** Undefined: it loads; null: nothing to draw. */
  chart: ComponentProps<typeof Chart> | null | undefined;
}) {
  return (
    <div className="grid min-h-52 grid-cols-[minmax(0,1fr)]">
      {chart === null && <p className="place-self-center px-4 pb-6 text-ink-2">{empty}</p>}
      {chart && (
        <Suspense>
          <Chart {...chart} />
        </Suspense>
      )}
    </div>
  );
}
