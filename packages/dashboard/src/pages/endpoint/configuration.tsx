import type { Endpoint } from "@postrider/sdk";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { webhookQuery } from "../../api/webhooks.ts";
import { Id } from "../../components/copy.tsx";
import { Card } from "../../components/page.tsx";
import { DateTime } from "../../components/times.tsx";
import { place } from "../../place.ts";
import { printSearch } from "../../search.ts";

/** How an endpoint is configured. */
export function Configuration({ endpoint }: { endpoint: Endpoint }) {
  return (
    <Card title="Configuration">
      <dl className="grid grid-cols-[110px_minmax(0,1fr)] gap-x-3 gap-y-2 px-4 pb-4">
        <Row name="Event types">
          <span className="flex flex-wrap gap-x-3 gap-y-0.5">
            {endpoint.event_types.map((type) => (
              <span key={type} className="mono break-all">
                {type}
              </span>
            ))}
          </span>
        </Row>
        {(endpoint.contract === "workflow" || endpoint.contract === "operational") && (
          <PolicyRows contract={endpoint.contract} id={endpoint.id} />
        )}
        {endpoint.contract === "organisation" && <OrganisationRows id={endpoint.id} />}
        {endpoint.contract === "assistant" && place.kind === "dashboard" && (
          <Row name="Set at">
            <Link className="link" href={`/assistants${printSearch({ assistant: endpoint.id })}`}>
              the assistant
            </Link>
          </Row>
        )}
        <Row name="Created">
          <DateTime at={endpoint.created_at} />
        </Row>
        <Row name="Id">
          <Id id={endpoint.id} what="id" />
        </Row>
      </dl>
    </Card>
  );
}

const Row = ({ name, children }: { name: string; children: React.ReactNode }) => (
  <>
    <dt className="text-ink-3">{name}</dt>
    <dd className="min-w-0 break-words">{children}</dd>
  </>
);

function PolicyRows({ contract, id }: { contract: "workflow" | "operational"; id: string }) {
  const { data } = useQuery(webhookQuery(contract, id));
  if (data === undefined) return null;
  return (
    <>
      <Row name="Time-out">{data.timeout_seconds} s</Row>
      <Row name="Retries">
        {data.max_retries === 0
          ? "none"
          : `${data.max_retries}, the first after about ${data.retry_backoff_seconds} s`}
      </Row>
      <Row name="Bearer token">{data.has_bearer_token ? "set" : "none"}</Row>
      <Row name="Headers">
        {data.header_names.length === 0 ? "none" : data.header_names.join(", ")}
      </Row>
    </>
  );
}

function OrganisationRows({ id }: { id: string }) {
  const { data } = useQuery(webhookQuery("organisation", id));
  if (data === undefined) return null;
  return (
    <>
      <Row name="Body secret">{data.has_secret ? "set" : "none"}</Row>
      <Row name="Headers">
        {data.header_names.length === 0 ? "none" : data.header_names.join(", ")}
      </Row>
    </>
  );
}
