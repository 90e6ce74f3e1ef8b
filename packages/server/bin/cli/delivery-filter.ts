import type { DeliveryFilter, Endpoint, ListDeliveriesQuery, Postrider } from "@postrider/sdk";
import { type Command, InvalidArgumentError, Option } from "commander";
import { getEndpoint } from "./endpoint-names.ts";
import { type EventTypeName, eventTypes } from "./event-types.ts";
import { since } from "./since.ts";
import { contractWords } from "./words.ts";

type Status = Exclude<NonNullable<DeliveryFilter["status"]>, string[]>;

/** The options by which deliveries are chosen. */
export type FilterOptions = {
  status?: Status[];
  endpoint?: string[];
  type?: EventTypeName[];
  contract?: Endpoint["contract"][];
  subject?: string;
  error?: string[];
  since?: string;
  until?: string;
};

const statuses: readonly Status[] = ["pending", "retrying", "delivered", "failed"];

/** Adds the options by which deliveries are chosen; a replay has no status. */
export function withDeliveryFilter(command: Command, { status }: { status: boolean }): Command {
  if (status) {
    command.addOption(
      // The dashboard's word for "pending" is accepted too.
      oneOrMore(
        "--status <status>",
        "only deliveries with this status",
        [...statuses, "waiting"],
        (word) => (word === "waiting" ? "pending" : word),
      ),
    );
  }
  return command
    .option("--endpoint <endpoint>", "only deliveries to this endpoint, by id or name", gather)
    .addOption(oneOrMore("--type <type>", "only deliveries of this event type", eventTypes))
    .addOption(
      oneOrMore(
        "--contract <name>",
        "only deliveries of this contract",
        Object.keys(contractWords),
      ),
    )
    .option("--subject <id>", "only deliveries about this workflow, run, step, call or assistant")
    .option(
      "--error <code>",
      "only deliveries whose last attempt has this error code, for example timeout",
      gather,
    )
    .option(
      "--since <time>",
      "only deliveries created since then: 30m, 1h, 2d, 10:41 or RFC 3339",
      since,
    )
    .option("--until <time>", "only deliveries created before then", since);
}

/** Converts the options to the API's filter. */
export async function filterOf(
  postrider: Postrider,
  given: FilterOptions,
): Promise<Omit<ListDeliveriesQuery, "limit" | "cursor">> {
  const endpoints = await Promise.all(
    (given.endpoint ?? []).map((one) => getEndpoint(postrider, one)),
  );
  return {
    ...(given.status && { status: given.status }),
    ...(endpoints.length > 0 && { endpoint_id: endpoints.map(({ id }) => id) }),
    ...(given.type && { event_type: given.type }),
    ...(given.contract && { contract: given.contract }),
    ...(given.subject !== undefined && { subject_id: given.subject }),
    ...(given.error && { error_code: given.error }),
    ...(given.since !== undefined && { from: given.since }),
    ...(given.until !== undefined && { to: given.until }),
  };
}

const gather = (text: string, before: string[] = []): string[] => [...before, text];

/** An option that can be given several times, or once with commas. */
function oneOrMore(
  flags: string,
  describes: string,
  choices: readonly string[],
  read: (word: string) => string = (word) => word,
): Option {
  return new Option(flags, describes)
    .choices(choices)
    .argParser((text: string, before: string[] = []) => {
      const words = text.split(",");
      const unknown = words.find((word) => !choices.includes(word));
      if (unknown === undefined) return [...before, ...words.map(read)];
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(", ")}.`);
    });
}
