// npm run bench -- scroll [--rows 10000000] [--scrolled 10000] [--speed 200] [--data directory] [--profile file] [--json]
//
// The dashboard's list of deliveries on the history of `npm run bench -- history`: a real service, its built pages, and
// Debian's Chromium, whose wheel scrolls thousands of rows at an even speed. The page's own clock tells how long each
// frame took, and the browser which tasks were long. The target is no frame above 50 ms. Build the pages first
// (npm run build -w packages/dashboard).
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { readConfig } from "../packages/server/src/config.ts";
import { openDatabase } from "../packages/server/src/db/pool.ts";
import { openLog } from "../packages/server/src/log.ts";
import { openServer } from "../packages/server/src/server.ts";
import { quantile, table, verdict } from "./chart.ts";
import { openHistory } from "./kept-history.ts";
import { readOptions } from "./options.ts";
import { makeReadKey } from "./read-key.ts";
import { openReport } from "./report.ts";
import { inWorld, query } from "./world.ts";

/** Above this a person sees that a page stood still; browsers call a task long from here on. */
const targetMs = 50;
const chromiumFile = "/usr/bin/chromium";
const wheelEveryMs = 16;
/** The height of a row in a wide window, as in packages/dashboard/src/pages/deliveries/list.tsx. */
const rowPx = 36;

const options = readOptions({
  name: "scroll",
  purpose:
    "frame times of the dashboard's list of deliveries, scrolled by the wheel on millions of rows",
  rounds: 3,
  options: {
    rows: { describes: "deliveries", default: "10000000" },
    scrolled: { describes: "rows that are scrolled through", default: "10000" },
    speed: { describes: "rows a second", default: "200" },
    data: {
      describes: "keep the history in this directory, and use it if it is there",
      default: "",
    },
    buffers: { describes: "PostgreSQL's shared_buffers", default: "128MB" },
    profile: {
      describes: "write a CPU profile of the page's first round to this file",
      default: "",
    },
  },
});
const report = openReport("scroll", options);

if (!existsSync(chromiumFile)) {
  console.error(`${chromiumFile} is not installed.`);
  process.exit(2);
}

await inWorld(async (world) => {
  const { url, history } = await openHistory(world, {
    rows: options.count("rows"),
    data: options.text("data"),
    buffers: options.text("buffers"),
    say: report.say,
  });
  await postpone(url);
  const apiKey = await makeKey(url, history.hugeTeamId);
  const server = world.own(
    await openServer(
      readConfig("development", {
        DATABASE_URL: url,
        POSTRIDER_API_KEY: "an-operator-key-of-a-benchmark",
        POSTRIDER_ENCRYPTION_KEY: "07".repeat(32),
        POSTRIDER_RETENTION_DAYS: "365",
        PORT: "0",
      }),
      { migrate: false, log: openLog({ level: "error" }) },
    ),
  );
  const browser = world.own(
    await chromium.launch({ executablePath: chromiumFile, args: ["--no-sandbox"] }),
  );
  const rounds: Round[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const page = await openList(browser, server.url, apiKey);
    const profile = round === 0 ? options.text("profile") : "";
    const endProfile = profile === "" ? undefined : await profilePage(page, profile);
    await browser.startTracing(page, { categories: ["toplevel"] });
    const watched = await scroll(page, options.count("scrolled"), options.count("speed"));
    const measured = { ...watched, cpuMs: cpuOfTasks(await browser.stopTracing()) };
    await endProfile?.();
    await page.context().close();
    rounds.push(measured);
    report.say(lineOf(measured));
  }
  const frames = rounds.flatMap((one) => one.frames);
  const worst = Math.max(...frames);
  const tasks = rounds.flatMap((one) => one.cpuMs).filter((ms) => ms > targetMs);
  const head = [
    "frames",
    "p50",
    "p95",
    "p99",
    "longest",
    "above 50 ms",
    "tasks above 50 ms of CPU",
  ];
  const row = [
    `${frames.length}`,
    ...[0.5, 0.95, 0.99].map((part) => quantile(frames, part).toFixed(1)),
    worst.toFixed(1),
    `${frames.filter((ms) => ms > targetMs).length}`,
    `${tasks.length}`,
  ];
  for (const line of table(head, [row])) report.say(line);
  report.say(`target ${verdict(worst <= targetMs)}: no frame above ${targetMs} ms`);
  report.finish({
    deliveries: history.deliveries,
    scrolled: options.count("scrolled"),
    speed: options.count("speed"),
    targetMs,
    rounds: rounds.map(figuresOf),
  });
});

/** What was seen while the list was scrolled. */
type Round = Watched["watched"] & {
  seconds: number;
  /** The processor time of each task of the page's main thread, in milliseconds: other work of the machine does not count. */
  cpuMs: number[];
};

/** What watch-frames.mjs writes. */
type Watched = { watched: Seen & { last: number } };

type Seen = {
  /** How long each frame took, in milliseconds. */
  frames: number[];
  /** The browser's long tasks, in milliseconds. */
  longTasks: number[];
  /** How long the list stood at its end, because the next page was not there. */
  waitedMs: number;
  /** The most rows that were in the page at once. */
  rowsMost: number;
};

function figuresOf({ frames, longTasks, cpuMs, seconds, waitedMs, rowsMost }: Round) {
  return {
    frames: frames.length,
    p50: quantile(frames, 0.5),
    p95: quantile(frames, 0.95),
    p99: quantile(frames, 0.99),
    longest: Math.max(...frames),
    aboveTarget: frames.filter((ms) => ms > targetMs).length,
    longTasks: longTasks.length,
    longestTask: Math.max(0, ...longTasks),
    longestTaskCpu: cpuMs.reduce((most, ms) => Math.max(most, ms), 0),
    cpuAboveTarget: cpuMs.filter((ms) => ms > targetMs).length,
    cores: cpuMs.reduce((sum, ms) => sum + ms, 0) / (seconds * 1_000),
    waitedMs,
    rowsMost,
    seconds,
  };
}

function lineOf(round: Round): string {
  const { p50, p95, p99, longest, longestTask, longestTaskCpu, cores, waitedMs, seconds } =
    figuresOf(round);
  const ms = [p50, p95, p99, longest].map((value) => value.toFixed(1)).join(" / ");
  return [
    `${seconds.toFixed(0)} s: p50 / p95 / p99 / longest frame ${ms} ms`,
    `longest task ${longestTask.toFixed(0)} ms, ${longestTaskCpu.toFixed(0)} ms of them on a processor`,
    `${cores.toFixed(2)} of a core, waited ${waitedMs.toFixed(0)} ms for the next page`,
  ].join("; ");
}

/** Has nothing fall due: a history that was kept for a day would be delivered. */
async function postpone(url: string): Promise<void> {
  await query(
    url,
    `update deliveries set due_at = now() + interval '2 days'
     where due_at < now() + interval '2 hours'`,
  );
}

/** Makes a key that may read everything of the team. */
async function makeKey(url: string, teamId: string): Promise<string> {
  const owner = openDatabase({
    url,
    name: "bench",
    connectionsMax: 1,
    statementTimeoutMs: 10_000,
    onError: (error) => console.error(error),
    role: "owner",
  });
  try {
    return await makeReadKey(owner.sql, teamId);
  } finally {
    await owner.close();
  }
}

/** Opens the list in a browser that is signed in, and waits for its first rows. */
async function openList(browser: Browser, url: string, apiKey: string): Promise<Page> {
  const answer = await fetch(`${url}/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-postrider-request": "1", origin: url },
    body: JSON.stringify({ api_key: apiKey }),
  });
  const [, name = "", value = ""] =
    /^([^=]+)=([^;]+)/.exec(answer.headers.getSetCookie()[0] ?? "") ?? [];
  if (name === "") throw new Error(`no session was opened: ${await answer.text()}`);
  const context = await browser.newContext({ viewport: { width: 1280, height: 850 } });
  const secure = url.replace("http:", "https:");
  await context.addCookies([
    { name, value, url: secure, secure: true, httpOnly: true, sameSite: "Strict" },
  ]);
  const page = await context.newPage();
  await page.goto(`${url}/dashboard/deliveries`);
  await page.getByRole("table", { name: "Deliveries" }).getByRole("link").first().waitFor();
  // The page's own start is not what is measured.
  await pause(2_000);
  return page;
}

/** Turns the wheel at an even speed until so many rows have gone by; the page measures meanwhile. */
async function scroll(
  page: Page,
  rows: number,
  rowsASecond: number,
): Promise<Omit<Round, "cpuMs">> {
  await page.evaluate(readFileSync(new URL("watch-frames.mjs", import.meta.url), "utf8"));
  await page.getByRole("table", { name: "Deliveries" }).hover();
  const startedAt = performance.now();
  let turnedAt = startedAt;
  for (;;) {
    await pause(wheelEveryMs);
    const now = performance.now();
    await page.mouse.wheel(0, ((now - turnedAt) / 1_000) * rowsASecond * rowPx);
    turnedAt = now;
    const last = await page.evaluate(() => (globalThis as unknown as Watched).watched.last);
    if (last > rows) break;
    if (now - startedAt > 10 * 60_000) throw new Error(`only ${last} rows after ten minutes`);
  }
  const watched = await page.evaluate(() => (globalThis as unknown as Watched).watched);
  return { ...watched, seconds: (performance.now() - startedAt) / 1_000 };
}

/** Reads the processor time of each task of the pages' main threads from a trace of the browser. */
function cpuOfTasks(trace: Buffer): number[] {
  type TraceEvent = {
    name: string;
    pid: number;
    tid: number;
    tdur?: number;
    args: { name?: string };
  };
  const { traceEvents }: { traceEvents: TraceEvent[] } = JSON.parse(trace.toString());
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const mains = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(threadOf),
  );
  return traceEvents
    .filter((one) => one.name === "ThreadControllerImpl::RunTask" && mains.has(threadOf(one)))
    .map(({ tdur = 0 }) => tdur / 1_000);
}

/** Starts a CPU profile of the page; the returned function ends it and writes the file. */
async function profilePage(page: Page, file: string): Promise<() => Promise<void>> {
  const devTools = await page.context().newCDPSession(page);
  await devTools.send("Profiler.enable");
  await devTools.send("Profiler.start");
  return async () => {
    const { profile } = await devTools.send("Profiler.stop");
    writeFileSync(file, JSON.stringify(profile));
  };
}
