import { Argument, Command } from "commander";
import { packageVersion } from "../src/config.ts";
import { addClientCommands } from "./cli/commands.ts";
import { addCompletionCommand } from "./cli/completion.ts";
import { batch, count, httpUrl, port, rate, statusCode } from "./options.ts";

/** A service starts sooner without the other commands: they are a twentieth of its start. */
const startsService = new Set(["serve", "migrate"]);

/**
 * Makes the command line: the whole of it, or only what `command` needs. Documents and shell completion are compared with
 * the whole.
 *
 * The service's code is loaded only by the commands that run it: it takes a second, and other commands should not wait for it.
 */
export function openProgram(command?: string): Command {
  const program = new Command("postrider")
    .description("Turns facts about workflows and calls into webhooks, and delivers them.")
    .version(packageVersion)
    .exitOverride()
    .showHelpAfterError();
  const keys = new Command("keys")
    .copyInheritedSettings(program)
    .description("manage API keys, and the keys that encrypt secrets at rest");
  if (command !== undefined && startsService.has(command)) {
    addServiceCommands(program, keys);
    return program;
  }
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

/** Adds the commands that run and maintain the service, on its own machine. */
function addServiceCommands(program: Command, keys: Command): void {
  program
    .command("dev")
    .description("run everything on this machine: API, dispatcher, PostgreSQL and a test receiver")
    .option("--receiver-port <port>", "port of the test receiver", port, 8081)
    .option("--no-receiver", "start no test receiver")
    .option("--open", "open the dashboard in the browser")
    .action(async (given) => (await service()).runDevelopment(given));
  program
    .command("serve")
    .description("run in production: needs DATABASE_URL and POSTRIDER_ENCRYPTION_KEY")
    .action(async () => (await service()).runProduction());
  program
    .command("migrate")
    .description("migrate the database (DATABASE_URL) to the schema of this version")
    .option("--json", "print a JSON object")
    .action(async (given) => (await service()).runMigrations(given));
  program
    .command("doctor")
    .description("check this installation, and say how to fix problems")
    .option(
      "--url <url>",
      "URL of a receiver that gets a HEAD request, sent in the same way as webhooks",
    )
    .option("--json", "print one JSON document")
    .addHelpText("after", doctorHelp)
    .action(async (given) => (await service()).runDoctorUntilSignal(given));
  keys
    .command("rotate-encryption")
    .description(
      "encrypt everything again with the first key of POSTRIDER_ENCRYPTION_KEY, while the service runs",
    )
    .option("--batch <rows>", "rows per transaction", batch, 200)
    .option("--json", "print a JSON object")
    .action(async (given) => (await service()).runKeyRotation(given));
}

const doctorHelp = `
It reads the settings of this environment, connects as the service does, and changes nothing.
Without DATABASE_URL it examines the embedded PostgreSQL of POSTRIDER_DATA_DIR, running or not.

Exit codes: 0 no problem (warnings are possible), 1 a problem, 2 wrong usage.`;

function addReceiveCommand(program: Command): void {
  program
    .command("receive")
    .description("start a test receiver that prints every webhook it gets")
    .option("--port <port>", "port to listen on", port, 8081)
    .option(
      "--secret <whsec>",
      "signing secret to verify requests with; unverified requests get 401",
    )
    .option("--status <code>", "status of all other answers", statusCode, 204)
    .action(async (given) => (await service()).runReceiver(given));
}

/** By default, it plays into the service of this machine only, because its traffic is not real. */
function addSimulateCommand(program: Command): void {
  program
    .command("simulate")
    .description("send realistic traffic with all event types to a running service")
    .addArgument(new Argument("<what>", "what to simulate").choices(["workflow", "call"]))
    .option("--url <url>", "URL of the service", httpUrl, "http://127.0.0.1:8080")
    .option("--key <key>", "API key; default: the key in .postrider/api-key")
    .option("--rate <n/s>", "runs or calls to start per second", rate, 5)
    .option("--count <n>", "runs or calls to simulate", count, 10)
    .option(
      "--receiver <url>",
      "URL that the webhooks are sent to",
      httpUrl,
      "http://127.0.0.1:8081",
    )
    .option("--no-subscribe", "do not create or change subscriptions")
    .option("--json", "print a JSON object")
    .action(async (what, given) => (await service()).runSimulation(what, given));
}
