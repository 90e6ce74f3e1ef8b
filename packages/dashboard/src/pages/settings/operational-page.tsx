import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { allEndpointsQuery } from "../../api/endpoints.ts";
import { MoreButton } from "../../components/more-button.tsx";
import { Page } from "../../components/page.tsx";
import { Empty, Failure, Forbidden, SkeletonRows } from "../../components/states.tsx";
import { useMay } from "../../shell/viewer.tsx";
import { EndpointRow } from "../endpoints/endpoint-row.tsx";

/** Webhooks for who operates the service: what becomes of endpoints, retries and replays. */
export default function OperationalPage() {
  const may = useMay("admin");
  const query = useInfiniteQuery({
    ...allEndpointsQuery({ contract: ["operational"] }),
    enabled: may,
  });
  const endpoints = query.data?.pages.flatMap((page) => page.endpoints) ?? [];
  if (!may) {
    return (
      <Page title="Operational webhooks">
        <Forbidden needs="admin" />
      </Page>
    );
  }
  return (
    <Page
      title="Operational webhooks"
      actions={
        <Link href="/endpoints?new=operational" className="btn btn-primary">
          New operational webhook
        </Link>
      }
    >
      <div className="bg-surface">
        {query.isPending && <SkeletonRows rows={4} />}
        {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
        {query.isSuccess && endpoints.length === 0 && (
          <Empty title="Nobody is told when an endpoint fails">
            <p>
              An operational webhook tells your own systems when an endpoint begins to fail or
              recovers, when a delivery has failed for good, and when a replay is done.
            </p>
          </Empty>
        )}
        {endpoints.length > 0 && (
          <ul aria-label="Operational webhooks">
            {endpoints.map((endpoint) => (
              <EndpointRow key={endpoint.id} endpoint={endpoint} />
            ))}
          </ul>
        )}
        <MoreButton query={query} />
      </div>
    </Page>
  );
}
