import type { Endpoint, Postrider } from "@postrider/sdk";
import { Argument, type Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../../src/config.ts";
import { StartError } from "../../src/start-error.ts";
import { awaitFirstAttempts } from "./attempt-wait.ts";
import {
  type ClientOptions,
  clientCommand,
  examples,
  type OpenClient,
  withClient,
} from "./client.ts";
import { confirm } from "./confirm.ts";
import { doorOf } from "./contract-doors.ts";
import { printDeliveries } from "./deliveries.ts";
import { getEndpoint, namesOf } from "./endpoint-names.ts";
import { contractOf, type EventTypeName, eventTypes } from "./event-types.ts";
import { isThisMachine } from "./profile.ts";
import { printable } from "./table.ts";
import { print, printJson, printNext } from "./terminal.ts";
import { type Change, changeFacts, parseChange, type Script, scripts } from "./trigger-scripts.ts";

type TriggerOptions = ClientOptions & {
  endpoint?: string;
  set?: Change[];
  play?: boolean;
  print?: boolean;
  yes?: boolean;
  wait: boolean;
};

/** The command that makes an event of a type, as it comes in real traffic. */
export function addTriggerCommand(program: Command): void {
  clientCommand(
    program,
    "trigger",
    "create an event: send a sample to one endpoint, or report facts that lead to it",
  )
    .addArgument(new Argument("<event-type>", "type of the event").choices(eventTypes))
    .option(
      "--endpoint <endpoint>",
      "endpoint that gets it, by id or name; default: the only one with this event type",
    )
    .option(
      "--set <path=value>",
      "change a value of the facts, for example run.input.amount=3; repeatable",
      changes,
    )
    .option(
      "--play",
      "report the facts that lead to it: every endpoint with this event type gets it",
    )
    .option("--print", "only print the facts to report, with the values that --set can change")
    .option("-y, --yes", "do not ask for confirmation when the service is on another machine")
    .option("--no-wait", "do not wait for the first attempt")
    .addHelpText("after", `${triggerExamples}\n${triggerHelp}`)
    .action(trigger);
}

const triggerExamples = examples(
  [
    'trigger workflow_run_completed --endpoint "Billing system"',
    "the service's sample, to this endpoint only",
  ],
  ["trigger workflow.failed --set end.error='out of stock'", "a run that fails like this"],
  ["trigger conversation-update --endpoint Reception --set message.text=Hello", "in a call to it"],
  ["trigger hang --print", "the facts, with the values that --set can change"],
);

const triggerHelp = `
Workflow webhooks and operational webhooks get the service's sample. It cannot be changed, and it changes nothing else.
With --set or --play, and for other types, trigger reports facts of a new workflow, run or call. The service keeps it like any other.`;

function changes(text: string, before: Change[] = []): Change[] {
  const change = parseChange(text);
  if (change !== undefined) return [...before, change];
  throw new InvalidArgumentError("it is part.path=value, as run.input.amount=3; see --print.");
}

async function trigger(type: EventTypeName, given: TriggerOptions): Promise<void> {
  if (given.print) {
    const ids = { workflowId: "<workflow>", assistantId: "<assistant>" };
    return printScript(type, changed(type, scriptOf(type)(ids), given.set ?? []));
  }
  await withClient(given, async (client) => {
    const isSample = !given.play && given.set === undefined && hasSample(type);
    if (isSample) return await sendSample(client, type, given);
    await playScript(client, type, given);
  });
}

/** Whether the service sends a sample of this type to one endpoint. */
const hasSample = (type: EventTypeName): boolean =>
  ["workflow", "operational"].includes(contractOf[type]) || type === "workflow.completed";

function scriptOf(type: EventTypeName) {
  const script = scripts[type];
  if (script !== undefined) return script;
  throw new ConfigError(
    `${type} comes of the service itself, and cannot be played; leave out --set, --play and --print for its sample.`,
  );
}

function changed(type: EventTypeName, script: Script, set: readonly Change[]): Script {
  const result = changeFacts(script.facts, set);
  if ("facts" in result) return { ...script, facts: result.facts };
  throw new ConfigError(
    `--set: nothing that leads to ${type} is called ${result.unknown}; there are ${result.parts.join(", ")}. See them, run: postrider trigger ${type} --print`,
  );
}

function printScript(type: EventTypeName, { facts }: Script): void {
  const told = facts.map(({ part, fact }) => ({ part, type: fact.type, data: fact.data }));
  printJson({ event_type: type, facts: told });
}

async function sendSample(
  { postrider }: OpenClient,
  type: EventTypeName,
  given: TriggerOptions,
): Promise<void> {
  const endpoint = await receiverOf(postrider, type, given.endpoint);
  if (endpoint.contract !== contractOf[type]) throw takesNone(endpoint, type);
  const { event_id } = await doorOf(postrider, endpoint.contract).test(endpoint.id, type);
  await tell(postrider, { event_id: [event_id], endpoint_id: [endpoint.id] }, type, given);
}

async function playScript(
  { postrider, connection }: OpenClient,
  type: EventTypeName,
  given: TriggerOptions,
): Promise<void> {
  const isCall = contractOf[type] === "assistant";
  if (!isCall && given.endpoint !== undefined) {
    throw new ConfigError(
      `What is played goes to every endpoint that takes ${type}, so --endpoint cannot be kept. Leave it out, and see who takes it, run: postrider endpoints list --contract ${contractOf[type]}`,
    );
  }
  const script = scriptOf(type);
  const assistant = isCall ? await receiverOf(postrider, type, given.endpoint) : undefined;
  if (assistant !== undefined && assistant.contract !== "assistant")
    throw takesNone(assistant, type);
  if (!isThisMachine(connection.url)) {
    const who =
      assistant === undefined ? `every endpoint that takes ${type}` : printable(assistant.name);
    const question = `Play ${isCall ? "a call" : "a workflow or run"} into ${connection.url}? It stays there, and ${who} gets it.`;
    if (!(await confirm(question, given))) return print("Nothing was done.");
  }
  const workflowId = needsWorkflow(type) ? await triggeredWorkflow(postrider) : "";
  const { facts, subjectId } = changed(
    type,
    script({ workflowId, assistantId: assistant?.id ?? "" }),
    given.set ?? [],
  );
  const reported = facts.map(({ fact }) => ({ ...fact, id: crypto.randomUUID() }));
  const { results } = await postrider.facts.report(reported);
  const refused = results.find(({ error }) => error !== undefined);
  if (refused?.error) {
    const { error, index } = refused;
    throw new StartError(
      `${error.code}: ${facts[index]?.part}: ${error.detail.replace(/facts\.\d+\.data\./g, "")} See what can be set, run: postrider trigger ${type} --print`,
    );
  }
  await tell(postrider, { subject_id: subjectId, event_type: [type] }, type, given);
}

const needsWorkflow = (type: EventTypeName): boolean => /^workflow(?:_run_|\.)/.test(type);

const workflowName = "Book an appointment (triggered)";

/** The workflow for triggered runs; created the first time. */
async function triggeredWorkflow({ workflows }: Postrider): Promise<string> {
  for await (const one of workflows.each({ search: workflowName })) {
    if (one.name === workflowName) return one.id;
  }
  return (await workflows.create({ name: workflowName })).id;
}

/** The named endpoint, or the only one that wants events of the type. */
async function receiverOf(
  postrider: Postrider,
  type: EventTypeName,
  named: string | undefined,
): Promise<Endpoint> {
  if (named !== undefined) return await getEndpoint(postrider, named);
  const contract = contractOf[type];
  const takers: Endpoint[] = [];
  for await (const one of postrider.endpoints.each({ contract: [contract] })) {
    if (one.enabled && one.event_types.includes(type)) takers.push(one);
  }
  const [taker, ...others] = takers;
  if (taker === undefined) {
    throw new StartError(
      `No enabled endpoint takes ${type}. Create one, run: postrider endpoints create <url> --event ${type}`,
    );
  }
  if (others.length === 0) return taker;
  const lines = takers.slice(0, 10).map(({ id, name }) => `  ${id}  ${printable(name)}`);
  throw new StartError(
    [`${takers.length} endpoints take ${type}. Say which with --endpoint:`, ...lines].join("\n"),
  );
}

const takesNone = ({ name, contract }: Endpoint, type: EventTypeName): StartError =>
  new StartError(
    `${printable(name)} is of the contract ${contract}, and ${type} of ${contractOf[type]}. See who takes it, run: postrider endpoints list --contract ${contractOf[type]}`,
  );

const firstAttemptMsMax = 70_000;
/** How long it waits for deliveries before it says that no endpoint wants the event. */
const noneMsMax = 4_000;
/** A hang is reported after the assistant's own timeout. */
const hangMsMax = 65_000;

async function tell(
  postrider: Postrider,
  query: Parameters<Postrider["deliveries"]["list"]>[0],
  type: EventTypeName,
  given: TriggerOptions,
): Promise<void> {
  const list = async () => (await postrider.deliveries.list(query)).deliveries;
  const patience = type === "hang" ? hangMsMax : noneMsMax;
  const untilMs = performance.now() + patience;
  const deliveries = given.wait
    ? await awaitFirstAttempts(list, {
        msMax: firstAttemptMsMax,
        isHopeless: (found) => found.length === 0 && performance.now() > untilMs,
      })
    : [];
  if (deliveries.some(({ status }) => status !== "delivered")) process.exitCode = 1;
  if (given.json) return printJson({ event_type: type, deliveries });
  if (!given.wait) {
    print(`${type} is on its way.`);
    return printNext(`Watch it: postrider deliveries list --type ${type}`);
  }
  if (deliveries.length === 0) {
    print(`${type} happened, and no enabled endpoint takes it.`);
    return printNext(`Create one: postrider endpoints create <url> --event ${type}`);
  }
  const nameOf = await namesOf(
    postrider,
    deliveries.map((one) => one.endpoint_id),
  );
  printDeliveries(deliveries, nameOf);
  printNext(`See what was sent: postrider deliveries show ${deliveries[0]?.id}`);
}
