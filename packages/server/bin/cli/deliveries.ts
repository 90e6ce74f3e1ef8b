import type { Delivery, DeliveryDetails } from "@postrider/sdk";
import type { Command } from "commander";
import { StartError } from "../../src/start-error.ts";
import { rows } from "../options.ts";
import { type ClientOptions, clientCommand, examples, withClient } from "./client.ts";
import { type FilterOptions, filterOf, withDeliveryFilter } from "./delivery-filter.ts";
import { getDelivery, shortIdLength } from "./delivery-ids.ts";
import { printAttempts, printDelivery } from "./delivery-view.ts";
import { namesOf } from "./endpoint-names.ts";
import { firstRows } from "./pages.ts";
import type { Column } from "./table.ts";
import {
  attemptsCell,
  printEmptyList,
  printJson,
  printNext,
  printTable,
  stateCell,
} from "./terminal.ts";
import { ageOf, answerOf, counted, outcomes } from "./words.ts";

type ListOptions = ClientOptions & FilterOptions & { limit: number };

/** The commands that read deliveries. */
export function addDeliveryCommands(group: Command): void {
  withDeliveryFilter(clientCommand(group, "list", "list deliveries, newest first"), {
    status: true,
  })
    .option("--limit <n>", "how many to list at most", rows, 20)
    .addHelpText(
      "after",
      examples(
        ["deliveries list --status failed --since 1h", "deliveries of the last hour that failed"],
        ['deliveries list --endpoint "Billing system" --type hang', "one receiver, one event type"],
      ),
    )
    .action(listDeliveries);
  clientCommand(group, "show", "show a delivery with its attempts and answers")
    .argument("<delivery>", "id of the delivery, the short id from a list, or id of its event")
    .option("--body", "print only the body that was posted, byte for byte")
    .addHelpText(
      "after",
      examples(
        ["deliveries show 6b0d94965e42183f0612fbce", "by its full id"],
        ["deliveries show 0612fbce --body", "the body, for another program"],
      ),
    )
    .action(showDelivery);
}

const columns: readonly Column[] = [
  { title: "STATUS" },
  { title: "EVENT", min: 12, cutLast: true },
  { title: "ENDPOINT", min: 8, optional: 1 },
  { title: "ATTEMPTS", optional: 3 },
  { title: "ANSWER", optional: 2 },
  { title: "AGE", optional: 4 },
  { title: "ID", shortTo: shortIdLength },
];

async function listDeliveries(given: ListOptions): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const query = await filterOf(postrider, given);
    const { rows: deliveries, next_cursor } = await firstRows(async (at) => {
      const answer = await postrider.deliveries.list({ ...query, ...at });
      return { rows: answer.deliveries, next_cursor: answer.next_cursor };
    }, given.limit);
    if (given.json) {
      printJson({ deliveries, next_cursor });
      return;
    }
    const [first] = deliveries;
    if (first === undefined) {
      printEmptyList(
        "delivery",
        query,
        "Send a sample: postrider endpoints test <endpoint>",
        "deliveries",
      );
      return;
    }
    const nameOf = await namesOf(
      postrider,
      deliveries.map((one) => one.endpoint_id),
    );
    printDeliveries(deliveries, nameOf);
    const more = next_cursor === null ? "" : ` More follow: --limit ${given.limit * 2}.`;
    const shown = deliveries.find(({ status }) => status === "failed") ?? first;
    printNext(
      `${counted(deliveries.length, "delivery", "deliveries")}.${more} Show one: postrider deliveries show ${shown.id}`,
    );
  });
}

/** Prints deliveries as a table. */
export function printDeliveries(
  deliveries: readonly Delivery[],
  nameOf: (id: string) => string,
): void {
  const nowMs = Date.now();
  printTable(
    columns,
    deliveries.map((one) => [
      stateCell(outcomes[one.status]),
      one.event_type,
      nameOf(one.endpoint_id),
      attemptsCell(one),
      answerOf(one),
      ageOf(one.created_at, nowMs),
      one.id,
    ]),
  );
}

function bodyOf({ request }: DeliveryDetails): string {
  if (request.body !== null) return request.body;
  throw new StartError(
    request.hidden?.includes("body")
      ? "The API key may not see the body: it lacks the scope payload. Make one that may, run: postrider keys create --name <name> --scope read,payload"
      : "The body is not kept any more.",
  );
}

async function showDelivery(id: string, given: ClientOptions & { body?: boolean }): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const delivery = await getDelivery(postrider, id);
    if (given.body) {
      process.stdout.write(bodyOf(delivery));
      return;
    }
    if (given.json) {
      printJson(delivery);
      return;
    }
    const nameOf = await namesOf(postrider, [delivery.endpoint_id]);
    printDelivery(delivery, nameOf(delivery.endpoint_id));
    printAttempts(delivery.attempts);
    const ended = delivery.status === "failed" || delivery.status === "delivered";
    printNext(
      ended
        ? `Deliver it again: postrider deliveries retry ${delivery.id}`
        : `Deliver it now: postrider deliveries retry ${delivery.id}`,
    );
  });
}
