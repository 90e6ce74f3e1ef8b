import type { Delivery, Run, Step } from "@postrider/sdk";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { eraseRun, runQuery, stepsQuery } from "../../api/runs.ts";
import { Id } from "../../components/copy.tsx";
import { EraseAction } from "../../components/erase-action.tsx";
import { JsonView } from "../../components/json-tree.tsx";
import { useEndpointNames, useWorkflowNames } from "../../components/names.ts";
import { Card, Page } from "../../components/page.tsx";
import { Failure, SkeletonBlock } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { Clock, DateTime } from "../../components/times.tsx";
import { useChanges } from "../../live/live.tsx";
import { printSearch } from "../../search.ts";
import { shortId } from "../../words/names.ts";
import { runWords, stepWords } from "../../words/subject-states.ts";
import { duration } from "../../words/times.ts";
import { DeliveryLines } from "../delivery/delivery-lines.tsx";

/** The most deliveries of a run that are shown at its steps; the list has the others. */
const shownMax = 200;

/** One run: its steps in time, with their events and the statuses of these. */
export function RunPage({ id }: { id: string }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(runQuery(id));
  const { data: stepped } = useQuery(stepsQuery(id));
  const { data: told } = useQuery(someDeliveriesQuery({ subject_id: id }, shownMax));
  useChanges(({ rows, gap }) => {
    if (!gap && !rows.some((row) => row.run_id === id)) return;
    void client.invalidateQueries({ queryKey: ["runs"] });
    void client.invalidateQueries({ queryKey: ["some-deliveries"] });
  });
  const run = data?.run;
  const deliveries = told?.deliveries ?? [];
  const workflow = useWorkflowNames(run ? [run.workflow_id] : [])(run?.workflow_id ?? "");
  const findEndpoint = useEndpointNames(deliveries.map((delivery) => delivery.endpoint_id));
  const endpointName = (endpoint: string): string => findEndpoint(endpoint) ?? shortId(endpoint);
  return (
    <Page
      title={workflow === undefined ? "Run" : `Run of ${workflow}`}
      about={
        <span className="flex flex-wrap items-baseline gap-x-3">
          <Link href="/runs" className="link">
            All runs
          </Link>
          <Id id={id} what="run id" />
        </span>
      }
      actions={
        <>
          <Link href={`/deliveries${printSearch({ about: id })}`} className="btn">
            All its deliveries
          </Link>
          {run && (
            <EraseAction what="this run" erase={() => eraseRun(id)} back="/runs">
              <p>
                Its steps, events, deliveries and attempts go with it, whatever their state. What
                receivers have been told already stays with them. It cannot be brought back.
              </p>
            </EraseAction>
          )}
        </>
      }
    >
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {!run && !error && (
        <div className="grid gap-4 p-4">
          <SkeletonBlock />
        </div>
      )}
      {run && (
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4 p-4 xl:has-[>:nth-child(2):not(:empty)]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
          <div className="grid min-w-0 content-start gap-4">
            <Summary run={run} workflow={workflow} />
            <Happened
              title="The run itself"
              deliveries={deliveries.filter((d) => d.step_id === null)}
              endpointName={endpointName}
            />
            {stepped?.steps.map((step) => (
              <StepCard
                key={step.id}
                step={step}
                deliveries={deliveries.filter((d) => d.step_id === step.id)}
                endpointName={endpointName}
              />
            ))}
          </div>
          <div className="grid min-w-0 content-start gap-4">
            <Document name="Input" value={run.input} hidden={run.hidden} />
            <Document name="Output" value={run.output} hidden={run.hidden} />
            <Document name="Error" value={run.error} hidden={run.hidden} />
          </div>
        </div>
      )}
    </Page>
  );
}

const Summary = ({ run, workflow }: { run: Run; workflow: string | undefined }) => (
  <p className="card flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-3">
    <Status of={runWords[run.status]} />
    <span className="text-ink-2">
      started <DateTime at={run.started_at} />
      {run.duration_ms !== null && `, took ${duration(run.duration_ms)}`}, {run.trigger}, version{" "}
      {run.version_number}
      {run.termination_source === "run_timeout" && ", ended because its time was over"}
    </span>
    <Link
      href={`/runs${printSearch({ workflow: run.workflow_id })}`}
      className="link [overflow-wrap:anywhere]"
      title={run.workflow_id}
    >
      Runs of {workflow === undefined ? "this workflow" : <bdi>{workflow}</bdi>}
    </Link>
  </p>
);

/** What a part of a run was told to endpoints. */
type Told = { deliveries: readonly Delivery[]; endpointName: (id: string) => string };

function Happened({ title, deliveries, endpointName }: Told & { title: string }) {
  return (
    <Card title={title}>
      {deliveries.length === 0 ? (
        <p className="px-4 pb-3 text-ink-2">No endpoint received it.</p>
      ) : (
        <DeliveryLines deliveries={deliveries.toReversed()} endpointName={endpointName} />
      )}
    </Card>
  );
}

function StepCard({ step, deliveries, endpointName }: Told & { step: Step }) {
  return (
    <Card
      title={step.name}
      actions={
        <>
          <span className="text-ink-3">
            <Clock at={step.started_at} />
            {step.duration_ms !== null && ` · ${duration(step.duration_ms)}`}
            {step.attempt > 1 && ` · attempt ${step.attempt}`}
          </span>
          <Status of={stepWords[step.status]} />
        </>
      }
    >
      {step.error !== null && step.error !== undefined && (
        <p className="mono px-4 pb-2 break-words text-bad">{JSON.stringify(step.error)}</p>
      )}
      <DeliveryLines deliveries={deliveries.toReversed()} endpointName={endpointName} />
    </Card>
  );
}

function Document({
  name,
  value,
  hidden,
}: {
  name: string;
  value: unknown;
  hidden: string[] | undefined;
}) {
  if (hidden?.includes(name.toLowerCase())) {
    return (
      <Card title={name}>
        <p className="px-4 pb-3 text-ink-2">Hidden: your key lacks the scope payload.</p>
      </Card>
    );
  }
  if (value === null || value === undefined) return null;
  return (
    <Card title={name}>
      <JsonView text={JSON.stringify(value, null, 2)} what={name.toLowerCase()} />
    </Card>
  );
}
