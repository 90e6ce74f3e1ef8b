import type { Run } from "@postrider/sdk";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { runsQuery } from "../../api/runs.ts";
import { Line } from "../../components/line.tsx";
import { Listed } from "../../components/listed.tsx";
import { Named, OnlyChip } from "../../components/named.tsx";
import { useWorkflowNames } from "../../components/names.ts";
import { Page } from "../../components/page.tsx";
import { StateSelect } from "../../components/state-select.tsx";
import { Empty } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { Age } from "../../components/times.tsx";
import { one, printSearch, useTypedSearch } from "../../search.ts";
import { shortId } from "../../words/names.ts";
import { runWords } from "../../words/subject-states.ts";
import { duration } from "../../words/times.ts";
import { RunPage } from "./run-page.tsx";

const spec = {
  run: one(),
  status: one("started", "running", "paused", "completed", "failed", "cancelled"),
  workflow: one(),
} as const;

/** Runs of workflows, or one of them. */
export default function RunsPage() {
  const [address, change] = useTypedSearch(spec);
  const query = useInfiniteQuery({
    ...runsQuery({
      ...(address.status && { status: address.status }),
      ...(address.workflow && { workflow_id: address.workflow }),
    }),
    enabled: address.run === undefined,
  });
  const runs = query.data?.pages.flatMap((page) => page.runs) ?? [];
  const workflows = runs.map((run) => run.workflow_id);
  const find = useWorkflowNames(address.workflow ? [address.workflow, ...workflows] : workflows);
  const nameOf = (id: string): string => find(id) ?? shortId(id);
  if (address.run !== undefined) return <RunPage key={address.run} id={address.run} />;
  return (
    <Page
      title="Runs"
      actions={
        <>
          {address.workflow && (
            <OnlyChip
              what="Workflow"
              name={nameOf(address.workflow)}
              id={address.workflow}
              onClear={() => change({ workflow: undefined })}
            />
          )}
          <StateSelect
            words={runWords}
            states={spec.status.choices ?? []}
            value={address.status}
            onChange={(status) => change({ status })}
          />
        </>
      }
    >
      <div className="bg-surface">
        <Listed
          query={query}
          items={runs}
          label="Runs"
          empty={
            <Empty title={address.status ? "No run is in this state" : "No run was reported yet"}>
              <p>Platforms report runs through the API; “Start here” shows how.</p>
              <Link href="/start" className="btn">
                Start here
              </Link>
            </Empty>
          }
          row={(run) => <Row key={run.id} run={run} workflow={nameOf(run.workflow_id)} />}
        />
      </div>
    </Page>
  );
}

const Row = ({ run, workflow }: { run: Run; workflow: string }) => (
  <li className="border-b border-line">
    <Line
      href={`/runs${printSearch({ run: run.id })}`}
      lead={<Status of={runWords[run.status]} />}
      main={<Named name={workflow} id={run.id} />}
      more={
        <>
          <span>{run.trigger}</span>
          <span className="w-20 text-right">
            {run.duration_ms !== null && duration(run.duration_ms)}
          </span>
        </>
      }
      end={<Age at={run.created_at} />}
    />
  </li>
);
