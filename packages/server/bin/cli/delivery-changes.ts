import type { Delivery } from "@postrider/sdk";
import type { Command } from "commander";
import { awaitAttempt } from "../../src/mcp/attempt-wait.ts";
import { say } from "../lifetime.ts";
import { type ClientOptions, clientCommand, examples, withClient } from "./client.ts";
import { type FilterOptions, filterOf, withDeliveryFilter } from "./delivery-filter.ts";
import { getDelivery } from "./delivery-ids.ts";
import { changeLine, printAttempts } from "./delivery-view.ts";
import { namesOf } from "./endpoint-names.ts";
import { print, printJson, printNext, toned } from "./terminal.ts";
import { answerOf, durationOf, outcomes } from "./words.ts";

/** The commands that retry and watch deliveries. */
export function addDeliveryChangeCommands(group: Command): void {
  clientCommand(group, "retry", "retry a delivery now, and print the result")
    .argument("<delivery>", "id of the delivery, the short id from a list, or id of its event")
    .option("--no-wait", "do not wait for the result of the attempt")
    .addHelpText("after", examples(["deliveries retry 0612fbce", "one more attempt, now"]))
    .action(retryDelivery);
  withDeliveryFilter(
    clientCommand(
      group,
      "tail",
      "print each change of a delivery as it happens; with --json, one line each",
    ),
    { status: true },
  )
    .addHelpText(
      "after",
      examples(["deliveries tail --status failed", "everything that fails from now on"]),
    )
    .action(tailDeliveries);
}

/** The longest time of an attempt, and a little for the wait before it. */
const attemptMsMax = 65_000;

async function retryDelivery(
  given: string,
  options: ClientOptions & { wait: boolean },
): Promise<void> {
  await withClient(options, async ({ postrider }) => {
    const before = await getDelivery(postrider, given);
    const { id } = before;
    const due = await postrider.deliveries.retry(id);
    const attemptsBefore = before.attempts_count;
    const seen = options.wait
      ? await awaitAttempt(postrider, id, { attemptsBefore, msMax: attemptMsMax })
      : undefined;
    const after = seen && seen.attempts_count > attemptsBefore ? seen : undefined;
    if (after !== undefined && after.status !== "delivered") process.exitCode = 1;
    if (options.json) {
      printJson(after ?? due);
      return;
    }
    if (after === undefined) {
      print(`${due.event_type} is due now.`);
      printNext(`See what came of it: postrider deliveries show ${id}`);
      return;
    }
    printOutcome(after);
    if (after.status !== "delivered") {
      const { attempts } = await postrider.deliveries.get(id);
      printAttempts(attempts.filter(({ number }) => number === after.attempts_count));
    }
  });
}

/** Prints the result of a delivery's last attempt in one line. */
export function printOutcome(delivery: Delivery): void {
  const { word, tone } = outcomes[delivery.status];
  const took = delivery.duration_ms === null ? "" : ` in ${durationOf(delivery.duration_ms)}`;
  print(
    `${toned(tone, `● ${word}`)}: ${delivery.event_type}, answered ${answerOf(delivery)}${took}`,
  );
}

async function tailDeliveries(given: ClientOptions & FilterOptions): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  await withClient(given, async ({ postrider }) => {
    // Checked first, because the stream would try again for ever if nothing answers.
    await postrider.me.get();
    const query = await filterOf(postrider, given);
    const names = new Map<string, string>();
    const nameOf = async (id: string) => {
      if (!names.has(id)) names.set(id, (await namesOf(postrider, [id]))(id));
      return names.get(id) ?? id;
    };
    say("watching deliveries; Ctrl-C ends it");
    // On stderr, so that `--json` prints changes only.
    const changes = postrider.deliveries.stream(query, {
      signal: stop.signal,
      onLost: (reason) => say(`the connection is lost (${reason}); trying again`),
      onBack: () => say("the connection is back"),
    });
    for await (const change of changes) {
      if (change.type === "gap") {
        say("the connection was lost for so long that changes may have been missed");
      } else if (given.json) {
        console.log(JSON.stringify(change.delivery));
      } else {
        print(changeLine(change.delivery, await nameOf(change.delivery.endpoint_id)));
      }
    }
  });
  process.exit(0);
}
