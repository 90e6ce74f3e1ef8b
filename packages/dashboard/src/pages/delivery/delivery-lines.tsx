import type { Delivery } from "@postrider/sdk";
import { Line } from "../../components/line.tsx";
import { Outcome } from "../../components/status.tsx";
import { Age } from "../../components/times.tsx";
import { printSearch } from "../../search.ts";
import { answerOf } from "../../words/outcomes.ts";

/** A few deliveries as links; `endpointName`: given if they go to several endpoints. */
export const DeliveryLines = ({
  deliveries,
  endpointName,
}: {
  deliveries: readonly Delivery[];
  endpointName?: (id: string) => string;
}) => (
  <ul className="pb-1">
    {deliveries.map((delivery) => (
      <li key={delivery.id} className="border-t border-line">
        <Line
          href={`/deliveries${printSearch({
            ...(endpointName ? {} : { endpoint: delivery.endpoint_id }),
            delivery: delivery.id,
          })}`}
          lead={<Outcome status={delivery.status} />}
          main={<span className="mono">{delivery.event_type}</span>}
          more={
            <>
              {endpointName && (
                <span className="max-w-56 truncate">{endpointName(delivery.endpoint_id)}</span>
              )}
              <span className="w-16 text-right">{answerOf(delivery)}</span>
            </>
          }
          end={<Age at={delivery.created_at} />}
        />
      </li>
    ))}
  </ul>
);
