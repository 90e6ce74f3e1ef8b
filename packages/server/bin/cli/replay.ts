import type { Replay, ReplayStart, StartedReplay } from "@postrider/sdk";
import { type Command, Option } from "commander";
import { ConfigError } from "../../src/config.ts";
import { perSecond } from "../options.ts";
import {
  type ClientOptions,
  clientCommand,
  clientOf,
  examples,
  existing,
  type OpenClient,
  withClient,
} from "./client.ts";
import { confirm } from "./confirm.ts";
import { type FilterOptions, filterOf, withDeliveryFilter } from "./delivery-filter.ts";
import { endedOf, type Pace, progressOf, replayEnd, replayQuestion } from "./replay-progress.ts";
import type { Column } from "./table.ts";
import { print, printJson, printNext, printTable, stateCell } from "./terminal.ts";
import { ageOf, clockOf } from "./words.ts";

type ReplayOptions = ClientOptions &
  Omit<FilterOptions, "status"> & {
    only: "failed" | "all";
    rate: number;
    dryRun?: boolean;
    yes?: boolean;
    wait: boolean;
    resume?: string;
    cancel?: string;
    list?: boolean;
  };

/** The command that replays matching deliveries. */
export function addReplayCommand(program: Command): void {
  withDeliveryFilter(
    clientCommand(
      program,
      "replay",
      "replay failed deliveries: count them, ask for confirmation, show the progress",
    ),
    { status: false },
  )
    .addOption(
      new Option("--only <which>", "replay failed deliveries only, or delivered ones too")
        .choices(["failed", "all"])
        .default("failed"),
    )
    .option("--rate <n>", "how many deliveries per second at most", perSecond, 50)
    .option("--dry-run", "only print how many deliveries match")
    .option("-y, --yes", "do not ask for confirmation")
    .option("--no-wait", "do not wait for the end of the replay")
    .option("--resume <id>", "watch a replay that is already running")
    .option("--list", "only list replays, newest first")
    .option(
      "--cancel <id>",
      "cancel a replay; deliveries that it has already made due are still sent",
    )
    .addHelpText(
      "after",
      examples(
        ['replay --endpoint "Billing system" --since 10:41', "failed deliveries to one endpoint"],
        ["replay --since 1d --dry-run", "only the count"],
        ["replay --resume 6b0c3f2a9d4e5f607182930a", "watch a running replay again"],
      ),
    )
    .action(replay);
}

async function replay(given: ReplayOptions): Promise<void> {
  if (given.resume !== undefined && given.cancel !== undefined) {
    throw new ConfigError("--resume and --cancel exclude each other; give one of them.");
  }
  await withClient(given, async (client) => {
    if (given.list) return await listReplays(client, given);
    if (given.cancel !== undefined) return await cancelReplay(client, given.cancel, given);
    if (given.resume !== undefined) {
      return await watch(
        client,
        await known(client.postrider.replays.get(given.resume), given.resume),
        given,
      );
    }
    const filter = (await filterOf(client.postrider, given)) as ReplayStart["filter"];
    const body = { filter, only: given.only, rate_per_second: given.rate };
    const found = await client.postrider.replays.dryRun(body);
    if (given.dryRun) return tellDryRun(found, given);
    if (found.matching === 0 && !given.json) {
      print("Nothing to replay: no delivery matches.");
      return;
    }
    const question = questionOf(found, given);
    if (found.matching > 0 && !(await confirm(question, given))) {
      print("Nothing was done.");
      return;
    }
    if (given.yes && !given.json) print(question.replace(/ Replay .*$/, ""));
    const started = await client.postrider.replays.start(body);
    if (given.wait) return await watch(client, started, given);
    tellLeft(started, given);
  });
}

const known = (replay: Promise<Replay>, id: string): Promise<Replay> =>
  existing(replay, { noun: "replay", id, list: "replay --list" });

type Found = { matching: number; oldest: string | null };

const questionOf = (found: Found, { only, rate }: ReplayOptions): string =>
  replayQuestion(found, { only, ratePerSecond: rate, at: (iso) => clockOf(iso, Date.now()) });

function tellDryRun(found: Found, given: ReplayOptions): void {
  if (given.json) printJson(found);
  else if (found.matching === 0) print("Nothing to replay: no delivery matches.");
  else print(questionOf(found, given).replace(/ Replay (.*)\?$/, " A replay delivers $1."));
}

const columns: readonly Column[] = [
  { title: "STATE" },
  { title: "MATCHING", align: "right", optional: 1 },
  { title: "DELIVERED", align: "right" },
  { title: "FAILED", align: "right" },
  { title: "AGE" },
  { title: "ID" },
];

const tones = { queued: "idle", running: "wait", done: "ok", cancelled: "idle" } as const;

async function listReplays({ postrider }: OpenClient, { json }: ReplayOptions): Promise<void> {
  const { replays, next_cursor } = await postrider.replays.list();
  if (json) return printJson({ replays, next_cursor });
  const [first] = replays;
  if (first === undefined) return print("No replays in the last 30 days.");
  const nowMs = Date.now();
  printTable(
    columns,
    replays.map((one) => [
      stateCell({ word: one.state, tone: tones[one.state] }),
      one.matching === null ? "" : String(one.matching),
      String(one.delivered),
      String(one.failed),
      ageOf(one.created_at, nowMs),
      one.id,
    ]),
  );
  printNext(`Watch one: postrider replay --resume ${first.id}`);
}

async function cancelReplay(
  { postrider }: OpenClient,
  id: string,
  { json }: ReplayOptions,
): Promise<void> {
  const ended = await known(postrider.replays.cancel(id), id);
  if (json) printJson(ended);
  else print(replayEnd(ended));
}

function tellLeft(replay: Replay, { json }: ReplayOptions): void {
  if (json) {
    printJson(replay);
    return;
  }
  print(`It goes on: ${replay.delivered} delivered, ${replay.failed} failed so far.`);
  printNext(
    `Come back to it: postrider replay --resume ${replay.id}. End it: postrider replay --cancel ${replay.id}`,
  );
}

/** Shows a replay's progress until it has ended; Ctrl-C leaves it running and says how to watch it again. */
async function watch(
  { postrider, connection }: OpenClient,
  started: Replay | StartedReplay,
  given: ReplayOptions,
): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  // A replay survives a restart of the service, so the watching must too.
  const { replays } = clientOf(connection, 20);
  const line = openLine(given);
  const pace = openPace();
  let last: Replay = started;
  try {
    while (last.finished_at === null) {
      line.show(last, pace(last));
      await pause(stop.signal);
      last = await replays.get(started.id, { signal: stop.signal });
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    line.clear();
    last = await postrider.replays.get(started.id).catch(() => last);
    tellLeft(last, given);
    process.exit();
  }
  line.clear();
  tellEnd(last, given);
}

function tellEnd(ended: Replay, given: ReplayOptions): void {
  if (ended.failed > 0) process.exitCode = 1;
  if (given.json) {
    printJson(ended);
    return;
  }
  print(replayEnd(ended));
  if (ended.failed > 0) {
    printNext(`See what failed again: postrider deliveries list --status failed`);
  }
}

const lookEveryMs = 500;

const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, lookEveryMs);
    signal.addEventListener("abort", stop, { once: true });
  });

/** Measures from the first end of a delivery: before that, the replay may have waited for a failing endpoint. */
function openPace(): (replay: Replay) => Pace {
  let first: { ended: number; atMs: number } | undefined;
  return (replay) => {
    const ended = endedOf(replay);
    if (ended === 0) return { ended: 0, ms: 0 };
    first ??= { ended, atMs: performance.now() };
    return { ended: ended - first.ended, ms: performance.now() - first.atMs };
  };
}

/** The line with the bar, for people: only on a terminal, never in the result. */
function openLine({ json }: ReplayOptions) {
  const isShown = process.stderr.isTTY === true && !json;
  const write = (text: string) => {
    if (isShown) process.stderr.write(`\r\u001b[2K${text}`);
  };
  return {
    show: (replay: Replay, pace: Pace) =>
      write(progressOf(replay, { columns: process.stderr.columns ?? 80, pace })),
    clear: () => write(""),
  };
}
