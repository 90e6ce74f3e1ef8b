import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type SpanName, spans, statsQuery } from "../../api/stats.ts";
import { ChartArea } from "../../components/chart-area.tsx";
import { Card } from "../../components/page.tsx";
import { Failure } from "../../components/states.tsx";
import { count } from "../../words/numbers.ts";
import { totalsOf } from "../../words/totals.ts";

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
        <ChartArea
          empty="No delivery ended in this time"
          chart={
            data &&
            (ended > 0
              ? {
                  kind: "bars",
                  times,
                  series,
                  format: count,
                  label: `${spans[span].name}: ${count(totals.delivered)} delivered, ${count(totals.failed)} failed.`,
                }
              : null)
          }
        />
      )}
    </Card>
  );
}
