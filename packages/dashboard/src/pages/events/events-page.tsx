import { Tabs } from "@base-ui/react/tabs";
import type { EventType } from "@postrider/sdk";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { endpointsQuery } from "../../api/endpoints.ts";
import { eventTypesQuery } from "../../api/event-types.ts";
import { JsonView } from "../../components/json-tree.tsx";
import { Card, Page } from "../../components/page.tsx";
import { Prose } from "../../components/prose.tsx";
import { Failure, SkeletonRows } from "../../components/states.tsx";
import { one, printSearch, useTypedSearch } from "../../search.ts";
import { bytes } from "../../words/numbers.ts";
import { contractWords } from "../../words/outcomes.ts";

const spec = { type: one() } as const;

/** The catalogue: every event type, when it is sent, its sample, and the endpoints that want it. */
export default function EventsPage() {
  const [address] = useTypedSearch(spec);
  const { data, error, refetch } = useQuery(eventTypesQuery);
  const types = data?.event_types ?? [];
  const open = types.find(({ type }) => type === address.type);
  const contracts = [...new Set(types.map(({ contract }) => contract))];
  return (
    <Page title="Events">
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {!data && !error && <SkeletonRows rows={12} />}
      {data && (
        <div className="grid items-start gap-4 p-4 wide:grid-cols-[300px_minmax(0,1fr)]">
          <nav aria-label="Event types" className={`card py-2 ${open ? "hidden wide:block" : ""}`}>
            {contracts.map((contract) => (
              <section key={contract} aria-label={contractWords[contract] ?? contract}>
                <h2 className="px-4 pt-2 pb-1 text-xs text-ink-3">{contractWords[contract]}s</h2>
                <ul>
                  {types
                    .filter((type) => type.contract === contract)
                    .map(({ type }) => (
                      <li key={type}>
                        <Link
                          href={`/events${printSearch({ type })}`}
                          aria-current={type === open?.type ? "page" : undefined}
                          className={`mono flex min-h-8 items-center px-4 break-all ${type === open?.type ? "bg-accent-soft" : "hover:bg-sunken"}`}
                        >
                          {type}
                        </Link>
                      </li>
                    ))}
                </ul>
              </section>
            ))}
          </nav>
          {open ? (
            <OneType key={open.type} type={open} />
          ) : (
            <p className="hidden p-4 text-ink-2 wide:block">
              Choose an event to see when it is sent, what it looks like and who listens.
            </p>
          )}
        </div>
      )}
    </Page>
  );
}

function OneType({ type }: { type: EventType }) {
  return (
    <div className="grid min-w-0 gap-4">
      <Link href="/events" className="link wide:hidden">
        All events
      </Link>
      <Card title={type.type}>
        <div className="grid gap-2 px-4 pb-4">
          <p>
            <Prose>{type.description}</Prose>
          </p>
          <p className="text-xs text-ink-3">
            {contractWords[type.contract]} · at most {bytes(type.max_bytes)}
          </p>
          <p>
            <Link href={`/deliveries${printSearch({ type: type.type })}`} className="link">
              Its deliveries
            </Link>
          </p>
        </div>
      </Card>
      <Listeners type={type.type} />
      <section className="card min-w-0" aria-label="Sample and schema">
        <Tabs.Root defaultValue="sample">
          <Tabs.List className="flex gap-4 border-b border-line px-4">
            {["sample", "schema"].map((name) => (
              <Tabs.Tab
                key={name}
                value={name}
                className="-mb-px flex h-9 items-center border-b-2 border-transparent text-ink-2 capitalize data-active:border-accent data-active:font-[600] data-active:text-ink"
              >
                {name}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="sample">
            <JsonView text={JSON.stringify(type.sample, null, 2)} what="the sample" high={480} />
          </Tabs.Panel>
          <Tabs.Panel value="schema">
            <JsonView text={JSON.stringify(type.schema, null, 2)} what="the schema" high={480} />
          </Tabs.Panel>
        </Tabs.Root>
      </section>
    </div>
  );
}

function Listeners({ type }: { type: string }) {
  const { data } = useQuery(endpointsQuery());
  const listening = data?.endpoints.filter(({ event_types }) => event_types.includes(type)) ?? [];
  return (
    <Card title="Who listens">
      <div className="px-4 pb-4">
        {data && listening.length === 0 && <p className="text-ink-2">Nobody listens to it.</p>}
        <ul className="grid gap-1">
          {listening.map(({ id, name, enabled }) => (
            <li key={id} className="min-w-0 truncate">
              <Link href={`/endpoints${printSearch({ endpoint: id })}`} className="link">
                {name}
              </Link>
              {!enabled && <span className="text-ink-3"> (disabled)</span>}
            </li>
          ))}
        </ul>
        {data?.next_cursor && (
          <p className="text-xs text-ink-3">Based on the newest 200 endpoints.</p>
        )}
      </div>
    </Card>
  );
}
