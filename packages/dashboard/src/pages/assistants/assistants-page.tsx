import type { Assistant } from "@postrider/sdk";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { assistantQuery, assistantsQuery } from "../../api/assistants.ts";
import { Listed } from "../../components/listed.tsx";
import { Page } from "../../components/page.tsx";
import { Empty, Failure, SkeletonBlock } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { one, printSearch, useTypedSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";
import { counted } from "../../words/numbers.ts";
import { ServerForm } from "./server-form.tsx";

const spec = { assistant: one(), new: one("yes"), search: one() } as const;

/** Assistants and their servers. */
export default function AssistantsPage() {
  const [address, change] = useTypedSearch(spec);
  if (address.assistant !== undefined)
    return <One key={address.assistant} id={address.assistant} />;
  if (address.new !== undefined) return <ServerForm />;
  return (
    <List search={address.search} onSearch={(search) => change({ search }, { replace: true })} />
  );
}

function One({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(assistantQuery(id));
  if (data) return <ServerForm existing={data} />;
  return (
    <Page title="Assistant">
      {error ? <Failure error={error} onRetry={() => void refetch()} /> : <SkeletonBlock />}
    </Page>
  );
}

function List({
  search,
  onSearch,
}: {
  search: string | undefined;
  onSearch: (search: string | undefined) => void;
}) {
  const mayWrite = useMay("write");
  const query = useInfiniteQuery(assistantsQuery(search));
  const assistants = query.data?.pages.flatMap((page) => page.assistants) ?? [];
  return (
    <Page
      title="Assistants"
      actions={
        mayWrite && (
          <Link href="/assistants?new=yes" className="btn btn-primary">
            New assistant
          </Link>
        )
      }
    >
      <div className="flex border-b border-line bg-surface px-4 py-2">
        <input
          type="search"
          className="h-7 w-52 rounded-full border border-line-strong bg-surface px-3 text-[13px] placeholder:text-ink-3"
          placeholder="Name"
          aria-label="Search by name"
          defaultValue={search ?? ""}
          onChange={({ target }) => onSearch(target.value || undefined)}
        />
      </div>
      <div className="bg-surface">
        <Listed
          query={query}
          items={assistants}
          label="Assistants"
          empty={
            <Empty title={search ? "No assistant matches" : "No assistants yet"}>
              <p>
                An assistant can have a server that gets messages about its calls while they run.
              </p>
            </Empty>
          }
          row={(assistant) => <Row key={assistant.id} assistant={assistant} />}
        />
      </div>
    </Page>
  );
}

function Row({ assistant }: { assistant: Assistant }) {
  const { enabled, url, messages } = assistant.assistantServer;
  return (
    <li className="border-b border-line">
      <Link
        href={`/assistants${printSearch({ assistant: assistant.id })}`}
        className="flex min-h-14 flex-wrap items-center gap-x-4 px-4 py-2 hover:bg-sunken"
      >
        <span className="min-w-0 flex-1 basis-60">
          <span className="block truncate font-[600]">{assistant.name}</span>
          <span className="mono block truncate text-ink-3">{url ?? "no server"}</span>
        </span>
        <span className="text-[13px] text-ink-2">{counted(messages.length, "message type")}</span>
        <Status of={enabled ? { word: "Enabled", tone: "ok" } : { word: "Off", tone: "idle" }} />
      </Link>
    </li>
  );
}
