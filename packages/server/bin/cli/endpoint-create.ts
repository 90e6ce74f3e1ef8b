import type { Endpoint, Postrider } from "@postrider/sdk";
import { type Command, InvalidArgumentError, Option } from "commander";
import { ConfigError } from "../../src/config.ts";
import { httpUrl, seconds, wholeTo } from "../options.ts";
import { type ClientOptions, clientCommand, examples, withClient } from "./client.ts";
import { quoted } from "./endpoint-names.ts";
import { printEndpoint } from "./endpoints.ts";
import { contractOf, type EventTypeName, eventTypes, typesOf } from "./event-types.ts";
import { readStdin } from "./stdin.ts";
import { print, printJson, printNext } from "./terminal.ts";

type CreateOptions = ClientOptions & {
  name?: string;
  contract?: Endpoint["contract"];
  event?: EventTypeName[];
  header?: Record<string, string>;
  bearerToken?: string;
  secret?: string;
  signingSecret?: string;
  timeout?: number;
  retries?: number;
  backoff?: number;
};

/** The command that creates an endpoint of any contract. */
export function addEndpointCreateCommand(group: Command): void {
  clientCommand(
    group,
    "create",
    "create an endpoint; by default, it gets all event types of its contract",
  )
    .argument("<receiver>", "the URL that webhooks are posted to", httpUrl)
    .option("--name <name>", "name of the endpoint; default: the receiver's host name")
    .addOption(
      new Option(
        "--contract <name>",
        "contract of the endpoint; default: the contract of its event types, or workflow",
      ).choices(Object.keys(creators).filter((contract) => contract !== "listener")),
    )
    .addOption(
      new Option("--event <type>", "an event type to send; repeatable, or a list with commas")
        .choices(eventTypes)
        .argParser(eventsOption),
    )
    .option(
      "--header <name: value>",
      "a header to send with every request; repeatable",
      headerOption,
    )
    .option(
      "--bearer-token <token>",
      "bearer token for Authorization; - reads it from standard input",
    )
    .option(
      "--secret <secret>",
      "secret of an organisation webhook or assistant; - reads it from standard input",
    )
    .option(
      "--signing-secret <whsec>",
      "sign with this secret, which the receiver knows already; - reads it from standard input",
    )
    .option("--timeout <seconds>", "time limit for an answer", seconds)
    .option("--retries <n>", "how many retries to make after the first attempt", wholeTo(10))
    .option("--backoff <seconds>", "pause before the first retry", wholeTo(300))
    .addHelpText(
      "after",
      examples(
        ['endpoints create https://billing.example.com/hook --name "Billing system"', "workflows"],
        ["endpoints create https://example.com/hook --event workflow.failed", "an organisation's"],
        [
          "endpoints create https://example.com/calls --contract assistant",
          "an assistant's server",
        ],
      ),
    )
    .action(createEndpoint);
}

async function createEndpoint(receiver: string, given: CreateOptions): Promise<void> {
  const wanted = await wantedOf(receiver, given);
  await withClient(given, async ({ postrider }) => {
    const id = await creators[wanted.contract](postrider, wanted);
    const endpoint = await postrider.endpoints.get(id);
    if (given.json) {
      printJson(endpoint);
      return;
    }
    print("Created.\n");
    printEndpoint(endpoint);
    const name = quoted(endpoint.name);
    printNext(
      endpoint.contract === "assistant"
        ? `Its signing secret: postrider endpoints show ${name} --secret`
        : `Its signing secret: postrider endpoints show ${name} --secret. Send a sample: postrider endpoints test ${name}`,
    );
  });
}

type Wanted = CreateOptions & {
  url: string;
  name: string;
  contract: Endpoint["contract"];
  events: EventTypeName[];
};

async function wantedOf(url: string, given: CreateOptions): Promise<Wanted> {
  const contract = given.contract ?? contractOf[given.event?.[0] ?? "workflow_created"];
  const foreign = given.event?.find((type) => contractOf[type] !== contract);
  if (foreign !== undefined) {
    throw new ConfigError(
      `--event: ${foreign} belongs to the contract ${contractOf[foreign]}, and an endpoint has one contract, here ${contract}. Create one endpoint for each.`,
    );
  }
  for (const [option, contracts] of Object.entries(onlyOf)) {
    const isGiven = given[option as keyof typeof onlyOf] !== undefined;
    if (!isGiven || contracts.some((one) => one === contract)) continue;
    throw new ConfigError(
      `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for the contracts ${contracts.join(", ")}, and this endpoint's is ${contract}.`,
    );
  }
  if (given.bearerToken === "-") given.bearerToken = await firstLine("--bearer-token");
  if (given.secret === "-") given.secret = await firstLine("--secret");
  if (given.signingSecret === "-") given.signingSecret = await firstLine("--signing-secret");
  const events = given.event ?? typesOf(contract).filter((type) => type !== "backlog.growing");
  return { ...given, url, name: given.name ?? new URL(url).hostname, contract, events };
}

const onlyOf = {
  bearerToken: ["workflow", "operational"],
  secret: ["organisation", "assistant"],
  signingSecret: ["workflow", "organisation", "operational"],
  timeout: ["workflow", "operational", "assistant"],
  retries: ["workflow", "operational"],
  backoff: ["workflow", "operational"],
} as const satisfies Partial<Record<keyof CreateOptions, readonly Endpoint["contract"][]>>;

async function firstLine(option: string): Promise<string> {
  const [line = ""] = (await readStdin()).toString().split(/\r?\n/);
  if (line !== "") return line;
  throw new ConfigError(`${option}: standard input is empty.`);
}

/** Creates an endpoint with the routes of its contract, and returns its id. */
const creators: Record<
  Endpoint["contract"],
  (postrider: Postrider, wanted: Wanted) => Promise<string>
> = {
  workflow: async ({ workflowWebhooks }, wanted) =>
    (await workflowWebhooks.create({ ...withPolicy(wanted), actions: wanted.events as never })).id,
  operational: async ({ operationalWebhooks }, wanted) =>
    (await operationalWebhooks.create({ ...withPolicy(wanted), actions: wanted.events as never }))
      .id,
  organisation: async ({ webhooks }, { name, url, events, secret, signingSecret, header }) =>
    (
      await webhooks.create({
        name,
        url,
        events: events as never,
        ...(secret === undefined ? {} : { secret }),
        ...(signingSecret === undefined ? {} : { signing_secret: signingSecret }),
        ...(header === undefined ? {} : { headers: header }),
      })
    ).id,
  assistant: async ({ assistants }, { name, url, events, secret, header, timeout }) =>
    (
      await assistants.create({
        name,
        assistantServer: {
          enabled: true,
          url,
          messages: events as never,
          ...(secret === undefined ? {} : { secret }),
          ...(header === undefined ? {} : { headers: header }),
          ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
        },
      })
    ).id,
  listener: async () => {
    throw new ConfigError("A listener is made by its own command, run: postrider listen --help");
  },
};

const withPolicy = ({
  name,
  url,
  header,
  bearerToken,
  signingSecret,
  timeout,
  retries,
  backoff,
}: Wanted) => ({
  name,
  url,
  ...(signingSecret === undefined ? {} : { signing_secret: signingSecret }),
  ...(header === undefined ? {} : { headers: header }),
  ...(bearerToken === undefined ? {} : { bearer_token: bearerToken }),
  ...(timeout === undefined ? {} : { timeout_seconds: timeout }),
  ...(retries === undefined ? {} : { max_retries: retries }),
  ...(backoff === undefined ? {} : { retry_backoff_seconds: backoff }),
});

function eventsOption(text: string, before: EventTypeName[] = []): EventTypeName[] {
  const words = text.split(",");
  const unknown = words.find((word) => !(word in contractOf));
  if (unknown === undefined) return [...before, ...(words as EventTypeName[])];
  throw new InvalidArgumentError(`Allowed choices are ${eventTypes.join(", ")}.`);
}

/** Reads `Name: value`. */
function headerOption(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^([^:\s]+)\s*:\s*(.*)$/.exec(text) ?? [];
  // Its value may be a secret: it is not quoted.
  if (name === undefined) throw new ConfigError('--header: a header is written as "Name: value".');
  return { ...before, [name]: value ?? "" };
}
