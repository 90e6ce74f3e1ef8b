import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Link } from "wouter";
import { allEndpointsQuery } from "../../api/endpoints.ts";
import { Listed } from "../../components/listed.tsx";
import { MultiFilter } from "../../components/multi-filter.tsx";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { place } from "../../place.ts";
import { useTypedSearch } from "../../search.ts";
import { useMay, useViewer } from "../../shell/viewer.tsx";
import { contractWords, healthWords } from "../../words/outcomes.ts";
import { EndpointPage } from "../endpoint/endpoint-page.tsx";
import { WebhookForm } from "../endpoint/webhook-form.tsx";
import { EndpointRow } from "./endpoint-row.tsx";
import { endpointsSpec } from "./endpoints-spec.ts";

const stateOptions = Object.entries(healthWords).map(([value, { word }]) => ({
  value,
  label: word,
}));
const contractOptions = Object.entries(contractWords)
  .filter(([value]) => value !== "operational")
  .map(([value, label]) => ({ value, label }));

/** All endpoints, one of them, or the form for a new one, by the address. */
export default function EndpointsPage() {
  const [address, change] = useTypedSearch(endpointsSpec);
  if (address.endpoint !== undefined) {
    return (
      <EndpointPage key={address.endpoint} id={address.endpoint} edit={address.edit === "yes"} />
    );
  }
  if (address.new !== undefined) return <WebhookForm contract={address.new} />;
  return <EndpointList address={address} change={change} />;
}

type Props = {
  address: ReturnType<typeof useTypedSearch<typeof endpointsSpec>>[0];
  change: ReturnType<typeof useTypedSearch<typeof endpointsSpec>>[1];
};

function EndpointList({ address, change }: Props) {
  const { portal } = useViewer();
  // A portal link to some endpoints shows those and cannot create others.
  const mayWrite = useMay("write") && !portal?.endpoint_ids;
  const [typed, setTyped] = useState(address.search ?? "");
  const search = useDeferredValue(address.search);
  const query = useInfiniteQuery(
    allEndpointsQuery({ state: address.state, contract: address.contract, search }),
  );
  const endpoints = query.data?.pages.flatMap((page) => page.endpoints) ?? [];
  const filtered = address.state.length + address.contract.length > 0 || search !== undefined;
  return (
    <Page
      title="Endpoints"
      actions={
        mayWrite && (
          <>
            <Link href="/endpoints?new=workflow" className="btn btn-primary">
              New workflow webhook
            </Link>
            <Link href="/endpoints?new=organisation" className="btn">
              New organisation webhook
            </Link>
          </>
        )
      }
    >
      <div className="flex flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-2">
        <MultiFilter
          label="Health"
          options={stateOptions}
          chosen={address.state}
          onChange={(state) => change({ state: state as typeof address.state })}
        />
        <MultiFilter
          label="Kind"
          options={contractOptions}
          chosen={address.contract}
          onChange={(contract) => change({ contract: contract as typeof address.contract })}
        />
        <input
          type="search"
          className="h-7 w-52 rounded-full border border-line-strong bg-surface px-3 text-[13px] placeholder:text-ink-3"
          placeholder="Name or URL"
          aria-label="Search by name or URL"
          value={typed}
          onChange={({ target }) => {
            setTyped(target.value);
            change({ search: target.value || undefined }, { replace: true });
          }}
        />
      </div>
      <div className="bg-surface">
        <Listed
          query={query}
          items={endpoints}
          label="Endpoints"
          empty={
            filtered ? (
              <Empty title="No endpoint matches">
                <Link href="/endpoints" className="btn" onClick={() => setTyped("")}>
                  Clear all filters
                </Link>
              </Empty>
            ) : (
              <Empty title="No endpoints yet">
                <p>
                  An endpoint is a URL that receives events. A workflow webhook gets those of
                  workflows and their runs, an organisation webhook those of runs and their steps.
                </p>
                {mayWrite && place.kind === "dashboard" && (
                  <Link href="/start" className="btn">
                    Start here
                  </Link>
                )}
              </Empty>
            )
          }
          row={(endpoint) => <EndpointRow key={endpoint.id} endpoint={endpoint} />}
        />
      </div>
    </Page>
  );
}
