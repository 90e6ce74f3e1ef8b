import { setMaxListeners } from "node:events";
import { readConfig, readDatabaseUrl } from "../src/config.ts";
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
import { onSignal, runUntilSignal, say } from "./lifetime.ts";
import { requireSigningSecret } from "./options.ts";
import { openReceiver } from "./receiver.ts";
import { type SimulateOptions, type SimulationName, simulate } from "./simulate.ts";

type DevelopmentOptions = { receiverPort: number; receiver: boolean; open?: boolean };

/** Runs everything on this machine until a signal. */
export async function runDevelopment(given: DevelopmentOptions): Promise<void> {
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

/** Runs the service in production until a signal. */
export async function runProduction(): Promise<void> {
  const config = readConfig("production");
  await runUntilSignal("told to stop", async (stop, onHopeless) => {
    const server = await openServer(config, { migrate: false, stop, onHopeless });
    return () => server.close();
  });
}

/** Brings the database to the schema of this version. */
export async function runMigrations(given: { json?: boolean }): Promise<void> {
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

/** After a signal, the running step is finished; the rest waits for another run. */
export async function runKeyRotation(given: RotateOptions): Promise<void> {
  const stop = new AbortController();
  onSignal("stopping after the current step", () => stop.abort());
  await rotateKeys(given, stop.signal);
}

/** After a signal, the running check is finished, so that an embedded PostgreSQL is stopped again. */
export async function runDoctorUntilSignal(given: DoctorOptions): Promise<void> {
  const stop = new AbortController();
  onSignal("stopping after the current check", () => stop.abort());
  await runDoctor(given, stop.signal);
  process.exit();
}

/** Runs a receiver until a signal. */
export async function runReceiver(given: {
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

/** Plays until it is over. After a signal, running runs and calls are finished; a second signal ends the process at once. */
export async function runSimulation(what: SimulationName, given: SimulateOptions): Promise<void> {
  const stop = new AbortController();
  // Every pause of every call listens to it.
  setMaxListeners(0, stop.signal);
  onSignal("stopping; runs and calls in progress finish first", () => stop.abort());
  await simulate(what, given, stop.signal);
  process.exit();
}
