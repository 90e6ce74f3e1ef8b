import type { Replay } from "@postrider/sdk";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { goesOn, replayQuery, replaysQuery } from "../../api/replays.ts";
import { Listed } from "../../components/listed.tsx";
import { useEndpointNames, useWorkflowNames } from "../../components/names.ts";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { Moment } from "../../components/times.tsx";
import { shortId } from "../../words/names.ts";
import { endpointIdsOf, filterWords, workflowIdsOf } from "./filter-words.ts";
import { ReplayProgress } from "./replay-progress.tsx";

/** All replays and their results. */
export default function ReplaysPage() {
  const query = useInfiniteQuery(replaysQuery);
  const replays = query.data?.pages.flatMap((page) => page.replays) ?? [];
  const findEndpoint = useEndpointNames(replays.flatMap(({ filter }) => endpointIdsOf(filter)));
  const findWorkflow = useWorkflowNames(replays.flatMap(({ filter }) => workflowIdsOf(filter)));
  const nameOf = (id: string): string => findEndpoint(id) ?? findWorkflow(id) ?? shortId(id);
  return (
    <Page title="Replays">
      <Listed
        query={query}
        items={replays}
        label="Replays"
        skeletonRows={4}
        className="grid gap-4 p-4"
        empty={
          <Empty title="No replays yet">
            <p>
              A replay retries failed deliveries: open an endpoint that failed and choose “Replay
              what was missed”, or filter the deliveries and choose “Replay these”.
            </p>
            <Link href="/deliveries?status=failed" className="btn">
              See what failed
            </Link>
          </Empty>
        }
        row={(replay) => (
          <li key={replay.id} className="card p-4">
            <One replay={replay} nameOf={nameOf} />
          </li>
        )}
      />
    </Page>
  );
}

function One({ replay, nameOf }: { replay: Replay; nameOf: (id: string) => string }) {
  const { data = replay } = useQuery({
    ...replayQuery(replay.id),
    initialData: replay,
    enabled: goesOn(replay),
  });
  return (
    <div className="grid gap-2">
      <p className="flex flex-wrap gap-x-3">
        <span className="min-w-0 flex-1 font-[550] break-words">
          {filterWords(replay.filter, replay.only, nameOf)}
        </span>
        <span className="text-ink-3">
          <Moment at={replay.created_at} />
        </span>
      </p>
      <ReplayProgress replay={data} />
    </div>
  );
}
