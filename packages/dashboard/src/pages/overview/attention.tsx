import type { Endpoint } from "@postrider/sdk";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { endpointsQuery } from "../../api/endpoints.ts";
import { Failure, SkeletonBlock } from "../../components/states.tsx";
import { printSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";
import { useSwitch } from "../endpoint/endpoint-actions.tsx";
import { HealthLine, ReplayMissed, useMissedReplay } from "../endpoint/health.tsx";

/** The most problems that are listed; the list of endpoints has the others. */
const shownMax = 10;

/** The endpoints that may need a person. */
export const attentionQuery = endpointsQuery({ state: ["failing", "disabled"] });

/** Problems that need a person: endpoints that fail, and those that were disabled because they failed. */
export function Attention() {
  const { dialog, open } = useMissedReplay();
  return (
    <>
      <Problems onReplay={open} />
      {dialog}
    </>
  );
}

type OnReplay = Parameters<typeof ReplayMissed>[0]["onOpen"];

function Problems({ onReplay }: { onReplay: OnReplay }) {
  const { data, error, refetch } = useQuery(attentionQuery);
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <SkeletonBlock className="h-[72px]" />;
  const problems = data.endpoints
    .filter(
      ({ health, disabled_reason }) => health.state === "failing" || disabled_reason === "failing",
    )
    .toSorted((a, b) => b.health.pending - a.health.pending);
  if (problems.length === 0) {
    return (
      <p className="card px-4 py-3">
        <span className="font-[600] text-ok">Everything is fine.</span>{" "}
        <span className="text-ink-2">No endpoint fails.</span>
      </p>
    );
  }
  return (
    <section className="card" aria-label="Needs attention">
      <h2 className="px-4 pt-3 pb-2">Needs attention</h2>
      <ul>
        {problems.slice(0, shownMax).map((endpoint) => (
          <Problem key={endpoint.id} endpoint={endpoint} onReplay={onReplay} />
        ))}
      </ul>
      {problems.length > shownMax && (
        <p className="border-t border-line px-4 py-2">
          <Link href="/endpoints?state=failing" className="link">
            All {problems.length} of them
          </Link>
        </p>
      )}
    </section>
  );
}

function Problem({ endpoint, onReplay }: { endpoint: Endpoint; onReplay: OnReplay }) {
  const mayWrite = useMay("write");
  const switching = useSwitch();
  const href = `/endpoints${printSearch({ endpoint: endpoint.id })}`;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-4 py-3">
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <Link href={href} className="font-[600] hover:underline">
            {endpoint.name}
          </Link>
          <span className="mono max-w-full truncate text-ink-3">{endpoint.url}</span>
        </p>
        <HealthLine endpoint={endpoint} />
      </div>
      <div className="flex flex-wrap gap-2">
        <ReplayMissed endpoint={endpoint} onOpen={onReplay} />
        <Link href={href} className="btn" aria-label={`Open ${endpoint.name}`}>
          Open
        </Link>
        {mayWrite && (
          <button
            type="button"
            className="btn btn-danger"
            aria-label={`${endpoint.enabled ? "Disable" : "Enable"} ${endpoint.name}`}
            disabled={switching.isPending}
            onClick={() =>
              switching.mutate({ endpoint, to: endpoint.enabled ? "disable" : "enable" })
            }
          >
            {endpoint.enabled ? "Disable" : "Enable"}
          </button>
        )}
      </div>
    </li>
  );
}
