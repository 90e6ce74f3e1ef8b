import type { Endpoint } from "@postrider/sdk";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { Link } from "wouter";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { eventTypesQuery } from "../../api/event-types.ts";
import { type OwnContract, testWebhook } from "../../api/webhooks.ts";
import { Modal } from "../../components/dialogs.tsx";
import { FormFault } from "../../components/fields.tsx";
import { JsonView } from "../../components/json-tree.tsx";
import { Outcome } from "../../components/status.tsx";
import { useChanges } from "../../live/live.tsx";
import { printSearch } from "../../search.ts";
import { eventTypes } from "../../words/event-types.ts";
import { answerOf } from "../../words/outcomes.ts";

type Props = { endpoint: Endpoint; contract: OwnContract; onClose: () => void };

/** Sends a sample event; shows the sample before and its delivery after. */
export function TestDialog({ endpoint, contract, onClose }: Props) {
  const id = useId();
  // Contract B's test is always of this type.
  const types = contract === "organisation" ? ["workflow.completed"] : eventTypes[contract];
  const [type, setType] = useState<string>(
    types.find((one) => endpoint.event_types.includes(one)) ?? types[0] ?? "",
  );
  const { data } = useQuery(eventTypesQuery);
  const sample = data?.event_types.find((one) => one.type === type)?.sample;
  const sending = useMutation({ mutationFn: () => testWebhook(contract, endpoint.id, type) });
  return (
    <Modal
      open
      wide
      onClose={onClose}
      title={`Send a test event to ${endpoint.name}`}
      about="One attempt, signed like any other, marked as a test."
    >
      <div className="grid gap-4">
        {types.length > 1 && (
          <div className="grid gap-1">
            <label htmlFor={id} className="font-[550]">
              Event type
            </label>
            <select
              id={id}
              className="field mono"
              value={type}
              onChange={({ target }) => {
                setType(target.value);
                sending.reset();
              }}
            >
              {types.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </div>
        )}
        {sample && (
          <section className="rounded border border-line" aria-label="Payload">
            <p className="px-4 pt-2 text-xs text-ink-3">
              Like this, with ids and times of its own:
            </p>
            <JsonView
              key={type}
              text={JSON.stringify(sample, null, 2)}
              what="the sample"
              high={280}
            />
          </section>
        )}
        <FormFault error={sending.error} known={[]} />
        {sending.data && <Result eventId={sending.data.event_id} />}
        <div className="flex flex-wrap justify-end gap-2">
          <button type="button" className="btn" onClick={onClose}>
            Close
          </button>
          <button
            type="button"
            className="btn btn-primary"
            disabled={sending.isPending}
            onClick={() => sending.mutate()}
          >
            {sending.data ? "Send another" : "Send"}
          </button>
        </div>
      </div>
    </Modal>
  );
}

function Result({ eventId }: { eventId: string }) {
  const { data, refetch } = useQuery(someDeliveriesQuery({ event_id: [eventId] }, 1));
  useChanges(({ rows, gap }) => {
    if (gap || rows.some((row) => row.event_id === eventId)) void refetch();
  });
  const delivery = data?.deliveries[0];
  return (
    <div role="status" className="flex flex-wrap items-center gap-3 rounded bg-sunken px-3 py-2">
      {delivery === undefined ? (
        "Sent; waiting for the answer…"
      ) : (
        <>
          <Outcome status={delivery.status} />
          <span>{answerOf(delivery)}</span>
          <Link
            className="link ml-auto"
            href={`/deliveries${printSearch({ endpoint: delivery.endpoint_id, delivery: delivery.id })}`}
          >
            See the delivery
          </Link>
        </>
      )}
    </div>
  );
}
