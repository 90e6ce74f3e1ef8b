import { useInfiniteQuery } from "@tanstack/react-query";
import { auditQuery } from "../../api/team.ts";
import { Copy } from "../../components/copy.tsx";
import { Listed } from "../../components/listed.tsx";
import { useEndpointNames } from "../../components/names.ts";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { DateTime } from "../../components/times.tsx";
import { one, useTypedSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";

/** The types of subjects that are endpoints, which have names. */
const endpointTypes: ReadonlySet<string> = new Set([
  "endpoint",
  "workflow_webhook",
  "webhook",
  "assistant",
  "operational_webhook",
]);

const spec = { actor: one(), subject: one() } as const;

/** The audit log: who changed, read or retried what, and when. */
export default function AuditPage() {
  const may = useMay("admin");
  const [address, change] = useTypedSearch(spec);
  const query = useInfiniteQuery({ ...auditQuery(address), enabled: may });
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  const subjects = entries.map(({ subject }) => subject);
  const nameOf = useEndpointNames(
    subjects.filter(({ type }) => endpointTypes.has(type)).map(({ id }) => id),
  );
  const filtered = address.actor ?? address.subject;
  return (
    <Page
      title="Audit"
      needs="admin"
      actions={
        filtered && (
          <button
            type="button"
            className="btn"
            onClick={() => change({ actor: undefined, subject: undefined })}
          >
            Show everything
          </button>
        )
      }
    >
      <div className="bg-surface">
        <Listed
          query={query}
          items={entries}
          label="Audit entries"
          empty={
            <Empty title="No audit entries yet">
              <p>Each configuration change, shown secret and manual retry is recorded here.</p>
            </Empty>
          }
          row={(entry) => (
            <li
              key={entry.id}
              className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 border-b border-line px-4 py-2 xl:grid xl:grid-cols-[150px_150px_210px_minmax(0,1fr)_auto]"
            >
              <span className="text-ink-2">
                <DateTime at={entry.created_at} />
              </span>
              <button
                type="button"
                className="link max-w-48 justify-self-start truncate"
                title={`Only changes by ${entry.actor.name}`}
                onClick={() => change({ actor: entry.actor.id })}
              >
                {entry.actor.name}
              </button>
              <span className="font-[550]">{entry.action.replaceAll(/[._]/g, " ")}</span>
              <button
                type="button"
                className="link min-w-0 justify-self-start text-left [overflow-wrap:anywhere]"
                title="Only changes of this object"
                onClick={() => change({ subject: entry.subject.id })}
              >
                {entry.subject.type.replaceAll("_", " ")} <bdi>{nameOf(entry.subject.id)}</bdi>{" "}
                <span className="mono">{entry.subject.id}</span>
              </button>
              <Copy
                text={entry.request_id}
                what={`request id ${entry.request_id}`}
                className="link ml-auto text-xs text-ink-3"
              >
                copy request id
              </Copy>
            </li>
          )}
        />
      </div>
    </Page>
  );
}
