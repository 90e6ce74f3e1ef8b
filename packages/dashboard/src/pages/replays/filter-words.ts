import type { Replay } from "@postrider/sdk";

/** Describes the deliveries of a replay: "Failed deliveries to Billing system from 2026-11-30 10:41". */
export function filterWords(
  filter: Replay["filter"],
  only: Replay["only"],
  nameOf: (id: string) => string,
): string {
  const said = Object.entries(filter).flatMap(([name, value]) => {
    const values = (Array.isArray(value) ? value : [value]).map(String);
    switch (name) {
      case "endpoint_id":
      case "subscription_id":
        return [`to ${values.map(nameOf).join(", ")}`];
      case "workflow_id":
        return [`about ${values.map(nameOf).join(", ")}`];
      case "from":
      case "start":
        return [`from ${values[0]?.replace("T", " ").slice(0, 19)}`];
      case "to":
      case "end":
        return [`until ${values[0]?.replace("T", " ").slice(0, 19)}`];
      case "event_type":
      case "action":
        return [`of ${values.join(", ")}`];
      default:
        return [`${name.replaceAll("_", " ")} ${values.join(", ")}`];
    }
  });
  return [only === "failed" ? "Failed deliveries" : "Deliveries that ended", ...said].join(" ");
}

const valuesOf = (filter: Replay["filter"], ...names: readonly string[]): readonly string[] =>
  Object.entries(filter)
    .filter(([name]) => names.includes(name))
    .flatMap(([, value]) => value);

/** Lists the endpoints that a replay's filter names. */
export const endpointIdsOf = (filter: Replay["filter"]): readonly string[] =>
  valuesOf(filter, "endpoint_id", "subscription_id");

/** Lists the workflows that a replay's filter names. */
export const workflowIdsOf = (filter: Replay["filter"]): readonly string[] =>
  valuesOf(filter, "workflow_id");
