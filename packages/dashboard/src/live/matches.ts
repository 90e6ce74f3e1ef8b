import type { Delivery } from "@postrider/sdk";
import type { DeliverySought } from "../api/deliveries.ts";

/** Whether a delivery of the stream matches the filter, by the same rules as the API. */
export function matches(sought: DeliverySought, delivery: Delivery): boolean {
  return (
    among(sought.status, delivery.status) &&
    among(sought.endpoint_id, delivery.endpoint_id) &&
    among(sought.contract, delivery.contract) &&
    among(sought.event_type, delivery.event_type) &&
    among(sought.event_id, delivery.event_id) &&
    (sought.error_code === undefined ||
      sought.error_code.length === 0 ||
      (delivery.error_code !== null && sought.error_code.includes(delivery.error_code))) &&
    (!sought.subject_id || isAbout(delivery, sought.subject_id)) &&
    (!sought.from || Date.parse(delivery.created_at) >= Date.parse(sought.from)) &&
    (!sought.to || Date.parse(delivery.created_at) < Date.parse(sought.to))
  );
}

const among = <Value>(wanted: readonly Value[] | undefined, value: Value): boolean =>
  wanted === undefined || wanted.length === 0 || wanted.includes(value);

/** A subject is a workflow, a run, a step as `<run id>:<step id>`, a call or an assistant. */
function isAbout(delivery: Delivery, subject: string): boolean {
  const step =
    delivery.run_id !== null && delivery.step_id !== null
      ? `${delivery.run_id}:${delivery.step_id}`
      : undefined;
  return [
    delivery.workflow_id,
    delivery.run_id,
    step,
    delivery.call_id,
    delivery.assistant_id,
  ].includes(subject);
}
