import type { Endpoint } from "@postrider/sdk";
import { Link } from "wouter";
import { Status } from "../../components/status.tsx";
import { printSearch } from "../../search.ts";
import { count, percent } from "../../words/numbers.ts";
import { contractWords, healthWords } from "../../words/outcomes.ts";
import { duration } from "../../words/times.ts";

/** One endpoint in the list: its health, its name, and its attempts of the last hour. */
export function EndpointRow({ endpoint }: { endpoint: Endpoint }) {
  const { health } = endpoint;
  return (
    <li className="border-b border-line">
      <Link
        href={`/endpoints${printSearch({ endpoint: endpoint.id })}`}
        className="grid min-h-14 grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-0.5 px-4 py-2 hover:bg-sunken wide:grid-cols-[96px_minmax(0,1fr)_170px_240px]"
      >
        <Status of={healthWords[health.state]} />
        <span className="order-first col-span-full min-w-0 wide:order-none wide:col-span-1">
          <span className="block truncate font-[600]">{endpoint.name}</span>
          <span className="mono block truncate text-ink-3">{endpoint.url}</span>
        </span>
        <span className="hidden text-ink-2 wide:block">{contractWords[endpoint.contract]}</span>
        <span className="text-right text-[13px] text-ink-2">{numbersOf(endpoint)}</span>
      </Link>
    </li>
  );
}

function numbersOf({ health }: Endpoint): string {
  return [
    health.success_rate_1h === null ? undefined : percent(health.success_rate_1h),
    health.p95_ms_1h === null ? undefined : `p95 ${duration(health.p95_ms_1h)}`,
    health.pending === 0
      ? undefined
      : `${count(health.pending)}${health.pending_is_estimate ? "+" : ""} waiting`,
  ]
    .filter((part) => part !== undefined)
    .join(" · ");
}
