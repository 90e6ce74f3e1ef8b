import type { Delivery } from "@postrider/sdk";
import { Link } from "wouter";
import { place } from "../../place.ts";
import { printSearch } from "../../search.ts";

/** Links to the delivery's subjects and its endpoint. */
export function Subjects({ delivery, endpointName }: { delivery: Delivery; endpointName: string }) {
  const operator = place.kind === "dashboard";
  return (
    <p className="flex flex-wrap gap-x-4 gap-y-1">
      <Link className="link" href={`/endpoints${printSearch({ endpoint: delivery.endpoint_id })}`}>
        {endpointName}
      </Link>
      {operator && delivery.run_id && (
        <Link className="link" href={`/runs${printSearch({ run: delivery.run_id })}`}>
          Its run
        </Link>
      )}
      {operator && delivery.call_id && (
        <Link className="link" href={`/calls${printSearch({ call: delivery.call_id })}`}>
          Its call
        </Link>
      )}
      <Link className="link" href={`/deliveries${printSearch({ event: delivery.event_id })}`}>
        All of this event
      </Link>
    </p>
  );
}
