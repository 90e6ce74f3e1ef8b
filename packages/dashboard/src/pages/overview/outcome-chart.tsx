import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { type SpanName, spans, statsQuery } from "../../api/stats.ts";
import { Card } from "../../components/page.tsx";
import { Failure } from "../../components/states.tsx";
import { count } from "../../words/numbers.ts";
import { totalsOf } from "../../words/totals.ts";

const Chart = lazy(async () => ({ default: (await import("../../components/chart.tsx")).Chart }));

/** Delivered and failed deliveries over time. */
export function OutcomeChart({
  span,
  endpointId,
  title,
}: {
  span: SpanName;
  endpointId?: string;
  title: string;
}) {
  const { data, error, refetch } = useQuery(statsQuery(span, endpointId));
  const times = useMemo(() => data?.buckets.map(({ at }) => Date.parse(at)) ?? [], [data]);
  const series = useMemo(
    () => [
      {
        name: "Delivered",
        token: "ok",
        values: data?.buckets.map(({ delivered }) => delivered) ?? [],
      },
      { name: "Failed", token: "bad", values: data?.buckets.map(({ failed }) => failed) ?? [] },
    ],
    [data],
  );
  const totals = totalsOf(data?.buckets ?? []);
  const ended = totals.delivered + totals.failed;
  return (
    <Card title={title}>
      {error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : (
        <div className="grid min-h-52 grid-cols-[minmax(0,1fr)]">
          {data && ended === 0 && (
            <p className="place-self-center px-4 pb-6 text-ink-2">No delivery ended in this time</p>
          )}
          {data && ended > 0 && (
            <Suspense>
              <Chart
                kind="bars"
                times={times}
                series={series}
                format={count}
                label={`${spans[span].name}: ${count(totals.delivered)} delivered, ${count(totals.failed)} failed.`}
              />
            </Suspense>
          )}
        </div>
      )}
    </Card>
  );
}
