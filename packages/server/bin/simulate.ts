import { readFileSync } from "node:fs";
import { ApiError, type ClientOptions, ConnectionError, Postrider } from "@postrider/sdk";
import { ConfigError } from "../src/config.ts";
import { StartError } from "../src/start-error.ts";
import { keyFile } from "./cli/profile.ts";
import { progressLine } from "./greeting.ts";
import { simulatedCalls } from "./simulated-calls.ts";
import { simulatedRuns } from "./simulated-runs.ts";
import { openCountingSink, playAll, type Simulation, sleep } from "./simulation.ts";

/** What can be played. */
export const simulations = { workflow: simulatedRuns, call: simulatedCalls } as const;
export type SimulationName = keyof typeof simulations;

export type SimulateOptions = {
  url: string;
  key?: string;
  /** Runs or calls that begin each second. */
  rate: number;
  count: number;
  receiver: string;
  subscribe: boolean;
  json?: boolean;
};

/** A simulation that cannot go on. The message is one sentence. */
export class SimulationError extends StartError {}

const progressMs = 1_000;

/** Plays traffic into a running service until it is over or stopped, and prints the result. */
export async function simulate(
  what: SimulationName,
  given: SimulateOptions,
  stop: AbortSignal,
): Promise<void> {
  const apiKey = given.key ?? keyOfThisDirectory();
  const target = { url: given.url, apiKey };
  try {
    // Checked once, without retries: a wrong address should not look like a slow service.
    await openClient({ ...target, retriesMax: 0, timeoutMs: 10_000 }).me.get();
    const summary = await play(simulations[what], openClient(target), given, stop);
    if (given.json) console.log(JSON.stringify({ simulation: what, ...summary }));
    else console.log(sentence(what, summary));
    if (summary.refused > 0) process.exitCode = 1;
  } catch (error) {
    throw simulationProblem(error, given.url);
  }
}

type Summary = { played: number; sent: number; refused: number; seconds: number; stopped: boolean };

async function play(
  simulation: Simulation,
  postrider: Postrider,
  { rate, count, receiver, subscribe, json }: SimulateOptions,
  stop: AbortSignal,
): Promise<Summary> {
  const startedAtMs = performance.now();
  const seconds = () => (performance.now() - startedAtMs) / 1_000;
  const { sink, tally } = openCountingSink(postrider);
  const { play, finish } = await simulation.prepare({
    postrider,
    receiverUrl: subscribe ? receiver.replace(/\/+$/, "") : undefined,
    sink,
    pause: (ms) => sleep(ms, stop),
  });

  const progress = progressLine();
  const show = () => {
    const perSecond = (tally.sent / seconds()).toFixed(1);
    progress.show(`${perSecond} facts/s, ${tally.sent} sent, ${tally.refused} refused`);
  };
  const timer = json ? undefined : setInterval(show, progressMs);
  try {
    const playOne = async (n: number) => {
      await play(n);
      await sink.flush();
    };
    const played = await playAll(playOne, { count, perSecond: rate, stop });
    // After a stop, nothing new is begun.
    if (!stop.aborted) await finish();
    await sink.flush();
    return { played, ...tally, seconds: Number(seconds().toFixed(1)), stopped: stop.aborted };
  } finally {
    clearInterval(timer);
    if (!json) {
      show();
      progress.clear();
    }
  }
}

function sentence(what: SimulationName, summary: Summary): string {
  const { played, sent, refused, seconds, stopped } = summary;
  const things = `${played} ${what === "call" ? "call" : "run"}${played === 1 ? "" : "s"}`;
  return `${stopped ? "Stopped after" : "Played"} ${things} in ${seconds} s: ${sent} facts sent, ${refused} refused.`;
}

/** The key that `postrider dev` keeps in the directory it runs in. */
function keyOfThisDirectory(): string {
  try {
    return readFileSync(keyFile(".postrider"), "utf8").trim();
  } catch {
    throw new ConfigError(
      ".postrider/api-key does not exist in this directory. Give an API key with --key.",
    );
  }
}

function openClient(options: ClientOptions): Postrider {
  try {
    return new Postrider(options);
  } catch (error) {
    throw new ConfigError((error as TypeError).message);
  }
}

function simulationProblem(error: unknown, url: string): unknown {
  if (error instanceof ConnectionError) {
    return new SimulationError(
      `No Postrider service answers at ${url}. Start one with npm start, or give another --url.`,
    );
  }
  return error instanceof ApiError ? new SimulationError(error.message) : error;
}
