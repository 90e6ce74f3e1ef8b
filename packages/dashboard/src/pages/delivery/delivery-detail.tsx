import { Tabs } from "@base-ui/react/tabs";
import type { DeliveryDetails } from "@postrider/sdk";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Link } from "wouter";
import { deliveryQuery, retryDelivery } from "../../api/deliveries.ts";
import { endpointQuery } from "../../api/endpoints.ts";
import { Copy, Id } from "../../components/copy.tsx";
import { JsonView } from "../../components/json-tree.tsx";
import { Failure, SkeletonBlock } from "../../components/states.tsx";
import { Outcome, Tag } from "../../components/status.tsx";
import { DateTime, Until } from "../../components/times.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { useChanges } from "../../live/live.tsx";
import { printSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";
import { curlOf } from "../../words/curl.ts";
import { useKeys } from "../deliveries/keys.ts";
import { Attempts } from "./attempts.tsx";
import { Exchange } from "./exchange.tsx";
import { Subjects } from "./subjects.tsx";

const SignatureCheck = lazy(async () => ({
  default: (await import("./signature.tsx")).SignatureCheck,
}));

/** One delivery: its status, its attempts, requests and answers. Beside a list, it has a button to close it. */
export function DeliveryDetail({ id, onClose }: { id: string; onClose?: () => void }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(deliveryQuery(id));
  useChanges(({ rows, gap }) => {
    if (gap || rows.some((row) => row.id === id)) {
      void client.invalidateQueries({ queryKey: deliveryQuery(id).queryKey });
    }
  });
  return (
    <article aria-label="Delivery">
      <div className="sticky top-0 z-10 flex items-start gap-2 border-b border-line bg-surface px-4 py-3">
        <div className="min-w-0 flex-1">
          {data ? (
            <Heading delivery={data} />
          ) : error ? (
            <h2 className="text-[16px]">Delivery</h2>
          ) : (
            <div className="skeleton h-5 w-48" />
          )}
        </div>
        {onClose && (
          <>
            <Link href={`/delivery${printSearch({ id })}`} className="btn btn-quiet">
              Full width
            </Link>
            <button
              type="button"
              className="btn btn-quiet px-2"
              aria-label="Close the delivery"
              onClick={onClose}
            >
              ✕
            </button>
          </>
        )}
      </div>
      {error && !data ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : data ? (
        <Content delivery={data} alone={onClose === undefined} />
      ) : (
        <div className="grid gap-4 p-4">
          <SkeletonBlock />
          <SkeletonBlock className="h-64" />
        </div>
      )}
    </article>
  );
}

const Heading = ({ delivery }: { delivery: DeliveryDetails }) => (
  <>
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <h2 className="text-[16px] [overflow-wrap:anywhere]">{delivery.event_type}</h2>
      {delivery.test && <Tag tone="idle">test</Tag>}
      <span className="flex flex-wrap items-center gap-x-1.5">
        <Outcome status={delivery.status} />
        <span className="text-ink-2">
          {delivery.status === "retrying" && delivery.next_attempt_at && (
            <>
              next <Until at={delivery.next_attempt_at} />
            </>
          )}
          {delivery.delivered_at && <DateTime at={delivery.delivered_at} />}
        </span>
      </span>
    </div>
    <Id id={delivery.event_id} what="event id" />
  </>
);

function Content({ delivery, alone }: { delivery: DeliveryDetails; alone: boolean }) {
  const client = useQueryClient();
  const mayRetry = useMay("write");
  const { data: endpoint } = useQuery(endpointQuery(delivery.endpoint_id));
  const [chosen, setChosen] = useState<number>();
  const [checks, setChecks] = useState(false);
  const retrying = useMutation({
    mutationFn: () => retryDelivery(delivery.id),
    onSuccess: () => {
      say("It is being delivered again");
      void client.invalidateQueries({ queryKey: deliveryQuery(delivery.id).queryKey });
    },
    onError: sayFailure,
  });
  useKeys((key) => {
    // Beside its list, the list handles the keys.
    if (!alone || key !== "r" || !mayRetry) return false;
    retrying.mutate();
    return true;
  });
  const { request } = delivery;
  const attempts = delivery.attempts.toSorted((a, b) => a.number - b.number);
  const attempt = attempts.find(({ number }) => number === chosen) ?? attempts.at(-1);
  return (
    <div className="grid gap-4 p-4">
      <div className="flex flex-wrap items-center gap-2">
        {mayRetry && (
          <button
            type="button"
            className="btn btn-primary"
            disabled={retrying.isPending}
            onClick={() => retrying.mutate()}
          >
            {delivery.status === "delivered" ? "Deliver again" : "Retry now"}
            <span
              className="kbd border-current text-inherit pointer-coarse:hidden"
              aria-hidden="true"
            >
              r
            </span>
          </button>
        )}
        {attempt && (
          <Copy text={() => curlOf(attempt, request.body)} what="as curl" className="btn">
            Copy as curl
          </Copy>
        )}
        {attempt?.request_headers && request.body !== null && (
          <button type="button" className="btn" onClick={() => setChecks(true)}>
            Check signature…
          </button>
        )}
      </div>
      <Subjects delivery={delivery} endpointName={endpoint?.name ?? "Its endpoint"} />
      <Attempts
        attempts={attempts}
        next={delivery.next_attempt_at}
        chosen={attempt?.number}
        onChoose={setChosen}
      />
      <section className="card min-w-0" aria-label="Requests and answers">
        <Tabs.Root defaultValue="exchange">
          <Tabs.List className="flex gap-4 border-b border-line px-4">
            <Tab value="exchange">{attempt ? `Attempt ${attempt.number}` : "Attempt"}</Tab>
            <Tab value="payload">Payload</Tab>
          </Tabs.List>
          <Tabs.Panel value="exchange">
            {attempt ? (
              <Exchange attempt={attempt} />
            ) : (
              <p className="p-4 text-ink-2">The first attempt has not started yet.</p>
            )}
          </Tabs.Panel>
          <Tabs.Panel value="payload">
            <Payload request={request} />
          </Tabs.Panel>
        </Tabs.Root>
      </section>
      {checks && attempt && request.body !== null && (
        <Suspense>
          <SignatureCheck
            attempt={attempt}
            endpoint={endpoint}
            body={request.body}
            open
            onClose={() => setChecks(false)}
          />
        </Suspense>
      )}
    </div>
  );
}

const Tab = ({ value, children }: { value: string; children: React.ReactNode }) => (
  <Tabs.Tab
    value={value}
    className="-mb-px flex h-9 items-center border-b-2 border-transparent text-ink-2 data-active:border-accent data-active:font-[600] data-active:text-ink"
  >
    {children}
  </Tabs.Tab>
);

function Payload({ request }: Pick<DeliveryDetails, "request">) {
  if (request.body !== null) return <JsonView text={request.body} what="the payload" high={520} />;
  return (
    <p className="p-4 text-ink-2">
      {request.hidden?.includes("body")
        ? "Hidden: your key lacks the scope payload."
        : "Not available any more: its retention is over, or it was erased."}
    </p>
  );
}
