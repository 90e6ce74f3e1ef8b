import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { allEndpointsQuery } from "../../api/endpoints.ts";
import { Listed } from "../../components/listed.tsx";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { useMay } from "../../shell/viewer.tsx";
import { EndpointRow } from "../endpoints/endpoint-row.tsx";

/** Webhooks for operators of the service: events about endpoints, retries and replays. */
export default function OperationalPage() {
  const may = useMay("admin");
  const query = useInfiniteQuery({
    ...allEndpointsQuery({ contract: ["operational"] }),
    enabled: may,
  });
  const endpoints = query.data?.pages.flatMap((page) => page.endpoints) ?? [];
  return (
    <Page
      title="Operational webhooks"
      needs="admin"
      actions={
        <Link href="/endpoints?new=operational" className="btn btn-primary">
          New operational webhook
        </Link>
      }
    >
      <div className="bg-surface">
        <Listed
          query={query}
          items={endpoints}
          label="Operational webhooks"
          skeletonRows={4}
          empty={
            <Empty title="No alerts when an endpoint fails">
              <p>
                An operational webhook tells your own systems when an endpoint begins to fail or
                recovers, when a delivery has failed for good, and when a replay is done.
              </p>
            </Empty>
          }
          row={(endpoint) => <EndpointRow key={endpoint.id} endpoint={endpoint} />}
        />
      </div>
    </Page>
  );
}
