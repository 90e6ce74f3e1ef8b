import type { Endpoint } from "@postrider/sdk";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { endpointQuery } from "../../api/endpoints.ts";
import { ownContractOf, webhookQuery } from "../../api/webhooks.ts";
import { Copy } from "../../components/copy.tsx";
import { Card, Page } from "../../components/page.tsx";
import { Failure, SkeletonBlock, SkeletonRows } from "../../components/states.tsx";
import { useChanges } from "../../live/live.tsx";
import { printSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";
import { contractWords } from "../../words/outcomes.ts";
import { DeliveryLines } from "../delivery/delivery-lines.tsx";
import { OutcomeChart } from "../overview/outcome-chart.tsx";
import { Configuration } from "./configuration.tsx";
import { EndpointActions } from "./endpoint-actions.tsx";
import { Health } from "./health.tsx";
import { SigningSecret } from "./signing-secret.tsx";
import { WebhookForm } from "./webhook-form.tsx";

/** One endpoint: its health, its deliveries, its secret, and its actions. */
export function EndpointPage({ id, edit }: { id: string; edit: boolean }) {
  const { data: endpoint, error, refetch } = useQuery(endpointQuery(id));
  if (endpoint === undefined) {
    return (
      <Page title="Endpoint" about={<AllEndpoints />}>
        {error ? (
          <Failure error={error} onRetry={() => void refetch()} />
        ) : (
          <div className="grid gap-4 p-4">
            <SkeletonBlock className="h-24" />
            <SkeletonBlock className="h-56" />
          </div>
        )}
      </Page>
    );
  }
  return edit ? <Editing endpoint={endpoint} /> : <Shown endpoint={endpoint} />;
}

function Editing({ endpoint }: { endpoint: Endpoint }) {
  const contract = ownContractOf(endpoint.contract) ?? "workflow";
  const { data, error, refetch } = useQuery(webhookQuery(contract, endpoint.id));
  if (data !== undefined) return <WebhookForm contract={contract} existing={data} />;
  return (
    <Page title={endpoint.name}>
      {error ? <Failure error={error} onRetry={() => void refetch()} /> : <SkeletonBlock />}
    </Page>
  );
}

function Shown({ endpoint }: { endpoint: Endpoint }) {
  const mayWrite = useMay(endpoint.contract === "operational" ? "admin" : "write");
  return (
    <Page
      title={endpoint.name}
      about={
        <span className="flex flex-wrap items-baseline gap-x-3">
          <AllEndpoints />
          <span>{contractWords[endpoint.contract]}</span>
          <span className="flex max-w-full items-baseline gap-1.5">
            <span className="mono truncate" title={endpoint.url}>
              {endpoint.url}
            </span>
            <Copy text={endpoint.url} what="URL" />
          </span>
        </span>
      }
      actions={mayWrite && <EndpointActions endpoint={endpoint} />}
    >
      <div className="grid gap-4 p-4 xl:grid-cols-[minmax(0,1fr)_380px]">
        <div className="grid min-w-0 content-start gap-4">
          <Health endpoint={endpoint} />
          <OutcomeChart span="day" endpointId={endpoint.id} title="Deliveries, last 24 hours" />
          <Recent endpoint={endpoint} />
        </div>
        <div className="grid min-w-0 content-start gap-4">
          <Configuration endpoint={endpoint} />
          {mayWrite && endpoint.contract !== "listener" && <SigningSecret endpoint={endpoint} />}
        </div>
      </div>
    </Page>
  );
}

const AllEndpoints = () => (
  <Link href="/endpoints" className="link">
    All endpoints
  </Link>
);

function Recent({ endpoint }: { endpoint: Endpoint }) {
  const { data, error, refetch, isPending } = useQuery(
    someDeliveriesQuery({ endpoint_id: [endpoint.id] }, 10),
  );
  useChanges(({ rows, gap }) => {
    if (gap || rows.some((row) => row.endpoint_id === endpoint.id)) void refetch();
  });
  return (
    <Card
      title="Recent deliveries"
      actions={
        <Link href={`/deliveries${printSearch({ endpoint: endpoint.id })}`} className="link">
          All of them
        </Link>
      }
    >
      {isPending && <SkeletonRows rows={5} />}
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {data?.deliveries.length === 0 && (
        <p className="px-4 pb-4 text-ink-2">No deliveries yet. Send a test event to begin.</p>
      )}
      {data && <DeliveryLines deliveries={data.deliveries} />}
    </Card>
  );
}
