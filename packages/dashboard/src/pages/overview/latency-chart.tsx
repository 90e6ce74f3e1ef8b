import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type SpanName, spans, statsQuery } from "../../api/stats.ts";
import { ChartArea } from "../../components/chart-area.tsx";
import { Card } from "../../components/page.tsx";
import { duration } from "../../words/times.ts";

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
      <ChartArea
        empty="No attempt in this time"
        chart={
          data &&
          (answered
            ? {
                kind: "lines",
                times,
                series,
                format: duration,
                label: `${spans[span].name}: p95 was ${duration(worst)} at the most.`,
              }
            : null)
        }
      />
    </Card>
  );
}
