import { useQuery } from "@tanstack/react-query";
import { Redirect } from "wouter";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { endpointsQuery } from "../../api/endpoints.ts";
import { spans } from "../../api/stats.ts";
import { Page } from "../../components/page.tsx";
import { place } from "../../place.ts";
import { one, useTypedSearch } from "../../search.ts";
import { Attention, attentionQuery } from "./attention.tsx";
import { LatencyChart } from "./latency-chart.tsx";
import { OutcomeChart } from "./outcome-chart.tsx";
import { Tiles } from "./tiles.tsx";

const spec = { span: one("hour", "day", "week", "month") } as const;

/** The overview: problems first, then numbers and latencies of deliveries. */
export default function OverviewPage() {
  const [address, change] = useTypedSearch(spec);
  const span = address.span ?? "day";
  const { data: endpoints } = useQuery(endpointsQuery());
  const { isPending: attentionPending } = useQuery(attentionQuery);
  const { data: first } = useQuery({ ...someDeliveriesQuery({}, 1), queryKey: ["first-delivery"] });
  const empty = endpoints?.endpoints.length === 0 && first?.deliveries.length === 0;
  // A page of its own: it stays when the first step is done.
  if (empty && place.kind === "dashboard") return <Redirect to="/start" replace />;
  return (
    <Page
      title="Overview"
      actions={
        <select
          className="field w-auto"
          aria-label="Time span"
          value={span}
          onChange={({ target }) => change({ span: target.value as typeof span })}
        >
          {Object.entries(spans).map(([value, { name }]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      }
    >
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 p-4">
        <Attention />
        {/* Shown when it is known how many problems stand above, so that nothing moves down. */}
        <div
          className={`grid grid-cols-[minmax(0,1fr)] gap-4 ${attentionPending ? "invisible" : ""}`}
        >
          <Tiles span={span} />
          <OutcomeChart span={span} title="Deliveries by outcome" />
          <LatencyChart span={span} />
        </div>
      </div>
    </Page>
  );
}
