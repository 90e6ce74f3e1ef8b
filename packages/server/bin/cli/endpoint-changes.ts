import type { Delivery, Endpoint } from "@postrider/sdk";
import { type Command, Option } from "commander";
import { StartError } from "../../src/start-error.ts";
import { awaitFirstAttempts } from "./attempt-wait.ts";
import { type ClientOptions, clientCommand, examples, withClient } from "./client.ts";
import { confirm } from "./confirm.ts";
import { doorOf } from "./contract-doors.ts";
import { printOutcome } from "./delivery-changes.ts";
import { printAttempts } from "./delivery-view.ts";
import { getEndpoint } from "./endpoint-names.ts";
import { type EventTypeName, eventTypes } from "./event-types.ts";
import { printable } from "./table.ts";
import { print, printJson, printNext } from "./terminal.ts";
import { clockOf, counted } from "./words.ts";

/** The commands that test an endpoint, enable and disable it, and rotate its signing secret. */
export function addEndpointChangeCommands(group: Command): void {
  clientCommand(group, "test", "send a sample event to one endpoint, and print its answer")
    .argument("<endpoint>", "id or name of the endpoint")
    .addOption(
      new Option(
        "--type <type>",
        "event type of the sample; default: the endpoint's first event type",
      ).choices(eventTypes),
    )
    .option("--no-wait", "do not wait for the answer")
    .addHelpText("after", examples(['endpoints test "Billing system"', "one sample, one answer"]))
    .action(testEndpoint);
  clientCommand(group, "enable", "enable an endpoint; its waiting deliveries are sent first")
    .argument("<endpoint>", "id or name of the endpoint")
    .addHelpText(
      "after",
      examples(['endpoints enable "Billing system"', "waiting deliveries are sent"]),
    )
    .action((endpoint: string, given: ClientOptions) => switchEndpoint(endpoint, given, true));
  clientCommand(group, "disable", "disable an endpoint; its waiting deliveries are kept")
    .argument("<endpoint>", "id or name of the endpoint")
    .addHelpText("after", examples(['endpoints disable "Billing system"', "until it is enabled"]))
    .action((endpoint: string, given: ClientOptions) => switchEndpoint(endpoint, given, false));
  clientCommand(
    group,
    "rotate",
    "create a new signing secret; the old one stays valid for 24 hours",
  )
    .argument("<endpoint>", "id or name of the endpoint")
    .option("-y, --yes", "do not ask for confirmation")
    .addHelpText("after", examples(['endpoints rotate "Billing system" --yes', "without asking"]))
    .action(rotateSecret);
}

const answerMsMax = 65_000;

type TestOptions = ClientOptions & { type?: EventTypeName; wait: boolean };

async function testEndpoint(idOrName: string, given: TestOptions): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const endpoint = await getEndpoint(postrider, idOrName);
    const door = doorOf(postrider, endpoint.contract);
    const type = given.type ?? (endpoint.event_types[0] as EventTypeName | undefined);
    if (door.samples !== "all" && given.type && !door.samples.includes(given.type)) {
      throw new StartError(
        `The service has no sample of ${given.type} for one endpoint. Play what leads to it, run: postrider trigger ${given.type}`,
      );
    }
    const { event_id } = await door.test(endpoint.id, type);
    const query = { event_id: [event_id], endpoint_id: [endpoint.id] };
    const [delivery] = given.wait
      ? await awaitFirstAttempts(async () => (await postrider.deliveries.list(query)).deliveries, {
          msMax: answerMsMax,
        })
      : [];
    await tellTest({ endpoint, event_id, delivery }, given, async (id) => {
      printAttempts((await postrider.deliveries.get(id)).attempts);
    });
  });
}

async function tellTest(
  {
    endpoint,
    event_id,
    delivery,
  }: { endpoint: Endpoint; event_id: string; delivery: Delivery | undefined },
  { json }: TestOptions,
  printAnswer: (id: string) => Promise<void>,
): Promise<void> {
  if (delivery !== undefined && delivery.status !== "delivered") process.exitCode = 1;
  if (json) {
    printJson(delivery ?? { event_id });
    return;
  }
  if (delivery === undefined) {
    print(`A sample is on its way to ${printable(endpoint.name)}.`);
    printNext(`See what came of it: postrider deliveries show ${event_id}`);
    return;
  }
  printOutcome(delivery);
  if (delivery.status !== "delivered") await printAnswer(delivery.id);
  printNext(`See what was sent: postrider deliveries show ${delivery.id}`);
}

async function switchEndpoint(
  idOrName: string,
  given: ClientOptions,
  enabled: boolean,
): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const { id } = await getEndpoint(postrider, idOrName);
    const endpoint = enabled
      ? await postrider.endpoints.enable(id)
      : await postrider.endpoints.disable(id);
    if (given.json) {
      printJson(endpoint);
      return;
    }
    const { pending } = endpoint.health;
    const waiting =
      pending === 0 ? "Nothing waits" : `${counted(pending, "delivery waits", "deliveries wait")}`;
    print(
      enabled
        ? `${printable(endpoint.name)} is enabled. ${waiting} for it.`
        : `${printable(endpoint.name)} is disabled. ${waiting} for it; deliveries are kept until it is enabled.`,
    );
    printNext(
      enabled
        ? `Watch it: postrider deliveries tail --endpoint ${id}`
        : `Undo it: postrider endpoints enable ${id}`,
    );
  });
}

async function rotateSecret(
  idOrName: string,
  given: ClientOptions & { yes?: boolean },
): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const endpoint = await getEndpoint(postrider, idOrName);
    const question = `Make a new signing secret for ${printable(endpoint.name)} (${endpoint.id})? The old one is valid for 24 hours more.`;
    if (!(await confirm(question, given))) {
      print("Nothing was done.");
      return;
    }
    const rotated = await doorOf(postrider, endpoint.contract).rotateSecret(endpoint.id);
    if (given.json) {
      printJson({ id: endpoint.id, ...rotated });
      return;
    }
    print(rotated.secret);
    const until = rotated.previous_expires_at;
    printNext(
      `Give it to the receiver${until === null ? "" : ` before ${clockOf(until, Date.now())}: until then requests are signed with both`}.`,
    );
  });
}
