import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { type SpanName, spans, statsQuery } from "../../api/stats.ts";
import { Card } from "../../components/page.tsx";
import { duration } from "../../words/times.ts";

const Chart = lazy(async () => ({ default: (await import("../../components/chart.tsx")).Chart }));

/** How long receivers take to answer, over time. */
export function LatencyChart({ span }: { span: SpanName }) {
  const { data } = useQuery(statsQuery(span));
  const times = useMemo(() => data?.buckets.map(({ at }) => Date.parse(at)) ?? [], [data]);
  const series = useMemo(
    () => [
      { name: "p50", token: "ok", values: data?.buckets.map(({ p50_ms }) => p50_ms) ?? [] },
      { name: "p95", token: "accent", values: data?.buckets.map(({ p95_ms }) => p95_ms) ?? [] },
    ],
    [data],
  );
  const worst = Math.max(0, ...(data?.buckets.map(({ p95_ms }) => p95_ms ?? 0) ?? []));
  const answered = data?.buckets.some(({ p95_ms }) => p95_ms !== null);
  return (
    <Card title="How long answers take">
      <div className="grid min-h-52 grid-cols-[minmax(0,1fr)]">
        {data && !answered && (
          <p className="place-self-center px-4 pb-6 text-ink-2">No attempt in this time</p>
        )}
        {data && answered && (
          <Suspense>
            <Chart
              kind="lines"
              times={times}
              series={series}
              format={duration}
              label={`${spans[span].name}: p95 was ${duration(worst)} at the most.`}
            />
          </Suspense>
        )}
      </div>
    </Card>
  );
}
