import { Argument, Command } from "commander";
import { packageVersion } from "../src/config.ts";
import { addClientCommands } from "./cli/commands.ts";
import { addCompletionCommand } from "./cli/completion.ts";
import { batch, count, httpUrl, port, rate, statusCode } from "./options.ts";

/**
 * Makes the whole command line, which the documents and the shells' completion are compared with as well.
 *
 * What runs the service is loaded when one of its commands runs: it takes a second that nobody waits for who looks at a
 * delivery.
 */
export function openProgram(): Command {
  const program = new Command("postrider")
    .description("Turns facts about workflows and calls into webhooks that arrive.")
    .version(packageVersion)
    .exitOverride()
    .showHelpAfterError();
  const keys = new Command("keys")
    .copyInheritedSettings(program)
    .description("look after API keys, and after the keys that seal secrets at rest");
  program.commandsGroup("Daily work:");
  addClientCommands(program, keys);
  program.addCommand(keys);
  program.commandsGroup("The service:");
  addServiceCommands(program, keys);
  program.commandsGroup("Trying out:");
  addReceiveCommand(program);
  addSimulateCommand(program);
  addCompletionCommand(program);
  return program;
}

const service = () => import("./service-runs.ts");

/** What runs and looks after the service itself, on its own machine. */
function addServiceCommands(program: Command, keys: Command): void {
  program
    .command("dev")
    .description("run everything on this machine: API, dispatcher, its own PostgreSQL, a receiver")
    .option("--receiver-port <port>", "port of the small receiver", port, 8081)
    .option("--no-receiver", "start no receiver")
    .option("--open", "open the dashboard in the browser")
    .action(async (given) => (await service()).runDevelopment(given));
  program
    .command("serve")
    .description("run in production: needs DATABASE_URL and POSTRIDER_ENCRYPTION_KEY")
    .action(async () => (await service()).runProduction());
  program
    .command("migrate")
    .description("bring the database to the schema of this version (DATABASE_URL)")
    .option("--json", "print a JSON object")
    .action(async (given) => (await service()).runMigrations(given));
  program
    .command("doctor")
    .description("say what is wrong with this set-up, in order, and how to mend it")
    .option("--url <url>", "a receiver to send a HEAD to, the way that webhooks go")
    .option("--json", "print one JSON document")
    .addHelpText("after", doctorHelp)
    .action(async (given) => (await service()).runDoctorUntilSignal(given));
  keys
    .command("rotate-encryption")
    .description(
      "seal everything anew with the first of POSTRIDER_ENCRYPTION_KEY, while the service runs",
    )
    .option("--batch <rows>", "rows in one transaction", batch, 200)
    .option("--json", "print a JSON object")
    .action(async (given) => (await service()).runKeyRotation(given));
}

const doctorHelp = `
It reads the settings of this environment, connects as the service would, and changes nothing.
Without DATABASE_URL it examines the embedded PostgreSQL of POSTRIDER_DATA_DIR, running or not.

Exit codes: 0 nothing is wrong (there may be warnings), 1 something is wrong, 2 wrong usage.`;

function addReceiveCommand(program: Command): void {
  program
    .command("receive")
    .description("start a small receiver that prints every webhook it gets")
    .option("--port <port>", "port to listen on", port, 8081)
    .option("--secret <whsec>", "signing secret to verify with; 401 to what it refuses")
    .option("--status <code>", "status to answer to all else", statusCode, 204)
    .action(async (given) => (await service()).runReceiver(given));
}

/** It plays into the service of this machine unless told: what it plays is not real. */
function addSimulateCommand(program: Command): void {
  program
    .command("simulate")
    .description("play realistic traffic into a running service, with every kind of event")
    .addArgument(new Argument("<what>", "what to play").choices(["workflow", "call"]))
    .option("--url <url>", "where the service is", httpUrl, "http://127.0.0.1:8080")
    .option("--key <key>", "API key; default: the one in .postrider/api-key")
    .option("--rate <n/s>", "runs or calls that begin each second", rate, 5)
    .option("--count <n>", "runs or calls to play", count, 10)
    .option("--receiver <url>", "where the webhooks go", httpUrl, "http://127.0.0.1:8081")
    .option("--no-subscribe", "create no subscriptions, and leave those that exist alone")
    .option("--json", "print a JSON object")
    .action(async (what, given) => (await service()).runSimulation(what, given));
}
