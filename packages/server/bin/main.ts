import { setMaxListeners } from "node:events";
import { Argument, Command } from "commander";
import { packageVersion, readConfig, readDatabaseUrl } from "../src/config.ts";
import { migrate } from "../src/db/migrate.ts";
import { defaultTeamId } from "../src/db/teams.ts";
import { tellWhileWaiting } from "../src/patience.ts";
import { openServer } from "../src/server.ts";
import { databaseProblem, StartError } from "../src/start-error.ts";
import { ensureDashboard, openInBrowser } from "./dashboard.ts";
import {
  developmentSecrets,
  ensureDevelopmentKey,
  isFoundHere,
  makeLoginLink,
} from "./development.ts";
import { type DoctorOptions, runDoctor } from "./doctor.ts";
import { printGreeting, progressLine } from "./greeting.ts";
import { type RotateOptions, rotateKeys } from "./keys.ts";
import { onSignal, printBug, report, runUntilSignal, say } from "./lifetime.ts";
import { batch, count, httpUrl, port, rate, requireSigningSecret, statusCode } from "./options.ts";
import { openReceiver } from "./receiver.ts";
import { type SimulateOptions, type SimulationName, simulate, simulations } from "./simulate.ts";

/** Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("postrider")
    .description("Turns facts about workflows and calls into webhooks, and delivers them.")
    .version(packageVersion)
    .exitOverride()
    .showHelpAfterError();

  program
    .command("dev")
    .description("run everything on this machine: API, dispatcher, its own PostgreSQL, a receiver")
    .option("--receiver-port <port>", "port of the small receiver", port, 8081)
    .option("--no-receiver", "start no receiver")
    .option("--open", "open the dashboard in the browser")
    .action(runDevelopment);
  program
    .command("serve")
    .description("run in production: needs DATABASE_URL and POSTRIDER_ENCRYPTION_KEY")
    .action(runProduction);
  program
    .command("migrate")
    .description("bring the database to the schema of this version (DATABASE_URL)")
    .option("--json", "print a JSON object")
    .action(runMigrations);
  program
    .command("doctor")
    .description("check this set-up and say how to fix what is wrong")
    .option("--url <url>", "a receiver to send a HEAD request to, in the same way as webhooks")
    .option("--json", "print one JSON document")
    .addHelpText("after", doctorHelp)
    .action(runDoctorUntilSignal);
  program
    .command("keys")
    .description("manage the keys that encrypt secrets at rest")
    .command("rotate-encryption")
    .description(
      "encrypt everything again with the first key of POSTRIDER_ENCRYPTION_KEY, while the service runs",
    )
    .option("--batch <rows>", "rows in one transaction", batch, 200)
    .option("--json", "print a JSON object")
    .action(runKeyRotation);
  program
    .command("receive")
    .description("start a small receiver that prints every webhook it gets")
    .option("--port <port>", "port to listen on", port, 8081)
    .option("--secret <whsec>", "signing secret to verify requests with; others are answered 401")
    .option("--status <code>", "status of all other answers", statusCode, 204)
    .action(runReceiver);
  program
    .command("simulate")
    .description("send realistic traffic to a running service, with every kind of event")
    .addArgument(new Argument("<what>", "what to simulate").choices(Object.keys(simulations)))
    .option("--url <url>", "where the service is", httpUrl, "http://127.0.0.1:8080")
    .option("--key <key>", "API key; default: the one in .postrider/api-key")
    .option("--rate <n/s>", "runs or calls to start per second", rate, 5)
    .option("--count <n>", "runs or calls to simulate", count, 10)
    .option("--receiver <url>", "where the webhooks go", httpUrl, "http://127.0.0.1:8081")
    .option("--no-subscribe", "create no subscriptions, and do not change existing ones")
    .option("--json", "print a JSON object")
    .action(runSimulation);

  // Left to itself, node prints every member of an error that nobody caught.
  process.on("uncaughtException", (error) => {
    printBug(error);
    process.exit(1);
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

type DevelopmentOptions = { receiverPort: number; receiver: boolean; open?: boolean };

async function runDevelopment(given: DevelopmentOptions): Promise<void> {
  const config = readConfig("development");
  const secrets = developmentSecrets(config);
  await runUntilSignal("stopping; attempts in flight finish first", async (stop, onHopeless) => {
    const progress = progressLine();
    const hasDashboard = await ensureDashboard(progress.show, stop);
    const server = await openServer(
      { ...config, encryptionKeys: secrets.encryptionKeys },
      { migrate: true, onProgress: progress.show, stop, onHopeless },
    );
    try {
      const apiKey = await ensureDevelopmentKey(config, server.database);
      const dashboardUrl = hasDashboard ? await makeLoginLink(config, server, apiKey) : undefined;
      const receiver = given.receiver
        ? await openReceiver({
            port: given.receiverPort,
            portOptions: "--receiver-port, or start none with --no-receiver",
          })
        : undefined;
      progress.clear();
      printGreeting({
        url: server.url,
        dashboardUrl,
        apiKey,
        keyIsFound: isFoundHere(config),
        teamId: defaultTeamId,
        receiverUrl: receiver?.url,
        receiverRefused: receiver && server.reasonToRefuse(`${receiver.url}/hook`),
      });
      if (given.open && dashboardUrl) openInBrowser(dashboardUrl);
      return async () => {
        await server.close();
        await receiver?.close();
      };
    } catch (error) {
      await server.close();
      throw error;
    }
  });
}

async function runProduction(): Promise<void> {
  const config = readConfig("production");
  await runUntilSignal("told to stop", async (stop, onHopeless) => {
    const server = await openServer(config, { migrate: false, stop, onHopeless });
    return () => server.close();
  });
}

async function runMigrations(given: { json?: boolean }): Promise<void> {
  const databaseUrl = readDatabaseUrl();
  const stop = new AbortController();
  onSignal("stopping; the current migration is rolled back", () => stop.abort());
  let step = "waiting for the database";
  const migration = migrate(databaseUrl, {
    stop: stop.signal,
    onStep: (next) => {
      step = next;
    },
    onApplied: (name) => given.json || console.log(`applied ${name}`),
  });
  const { applied, repaired } = await tellWhileWaiting(migration, (seconds) =>
    say(`${step} (${seconds} s so far)`),
  ).catch((error) => {
    if (stop.signal.aborted) throw new StartError("stopped; run it again to finish");
    throw databaseProblem(error);
  });
  if (given.json) {
    console.log(JSON.stringify({ applied, repaired }));
    return;
  }
  for (const statement of repaired) console.log(`ran ${statement}`);
  if (applied.length + repaired.length === 0) console.log("Nothing to do: the schema is current.");
}

/** A signal lets the step that has begun come to its end; what is left waits for another run. */
async function runKeyRotation(given: RotateOptions): Promise<void> {
  const stop = new AbortController();
  onSignal("stopping after the current step", () => stop.abort());
  await rotateKeys(given, stop.signal);
}

const doctorHelp = `
It reads the settings of this environment, connects as the service does, and changes nothing.
Without DATABASE_URL it examines the embedded PostgreSQL of POSTRIDER_DATA_DIR, running or not.

Exit codes: 0 no problem (warnings are possible), 1 a problem, 2 wrong usage.`;

/** A signal lets the look that has begun come to its end: an embedded PostgreSQL is stopped again. */
async function runDoctorUntilSignal(given: DoctorOptions): Promise<void> {
  const stop = new AbortController();
  onSignal("stopping after the current check", () => stop.abort());
  await runDoctor(given, stop.signal);
  process.exit();
}

async function runReceiver(given: {
  port: number;
  secret?: string;
  status: number;
}): Promise<void> {
  if (given.secret !== undefined) requireSigningSecret(given.secret);
  await runUntilSignal("stopping", async () => {
    const receiver = await openReceiver(given);
    console.log(`receiving at ${receiver.url}`);
    return () => receiver.close();
  });
}

/** Plays until it is over; a signal lets what has begun come to its end, a second one ends the process at once. */
async function runSimulation(what: SimulationName, given: SimulateOptions): Promise<void> {
  const stop = new AbortController();
  // Every pause of every call listens to it.
  setMaxListeners(0, stop.signal);
  onSignal("stopping; runs and calls in progress finish first", () => stop.abort());
  await simulate(what, given, stop.signal);
  process.exit();
}
