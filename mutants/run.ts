// npm run mutants -- [--area …] [--only …] [--sample n] [--seed n] [--list] [--json] [--help]
//
// A test of the tests: makes small faults in a copy of the product and says which of them no test notices.
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { setPriority, tmpdir } from "node:os";
import path from "node:path";
import { openEmbeddedPostgres } from "../packages/server/src/embedded-postgres/open.ts";
import { type Area, areas, sourcesOf, testsOf } from "./areas.ts";
import { readEquivalents, withoutEquivalents } from "./equivalents.ts";
import { openJudge } from "./judge.ts";
import { type Mutant, sample } from "./mutant.ts";
import { type Options, readOptions } from "./options.ts";
import { measure } from "./reached.ts";
import { figuresOf, type Judged, lineOf, percentMin, table } from "./report.ts";
import { openRunner } from "./runner-process.ts";
import { listFiles, openWorkspace, root } from "./workspace.ts";

const options = readOptions(process.argv.slice(2));
const say = (line: string) => console.error(line);
const closing: (() => void | Promise<void>)[] = [];
const stopping = new AbortController();
const files = listFiles();
const sources = new Map<string, string>();
const sourceOf = (file: string): string => {
  const source = sources.get(file) ?? readFileSync(path.join(root, file), "utf8");
  sources.set(file, source);
  return source;
};

type Planned = { area: Area; left: Mutant[]; equivalent: Mutant[] };

/** Says whether a path contains one of these; without any, all do. */
const hasOneOf = (file: string, parts: readonly string[]): boolean =>
  parts.length === 0 || parts.some((part) => file.includes(part));

/** All faults of the areas that were chosen; ends the program when one is listed that no longer exists. */
function plan({ only, kind, areas: chosen, sample: size, seed }: Options): Planned[] {
  const listed = readEquivalents();
  const found = areas.map((area) => {
    const made = sourcesOf(area, files).flatMap((file) => area.mutate(file, sourceOf(file)));
    return { area, made, ...withoutEquivalents(made, sourceOf, listed) };
  });
  const stale = listed.filter((one) => found.every((area) => area.stale.includes(one)));
  for (const one of stale)
    say(`mutants/equivalent.json lists what no longer exists: ${JSON.stringify(one)}`);
  if (stale.length > 0) process.exit(2);

  const wanted = (mutant: Mutant) => mutant.kind.includes(kind) && hasOneOf(mutant.file, only);
  return found
    .filter(({ area }) => chosen.includes(area.name))
    .map(({ area, left, equivalent }) => ({
      area,
      left: sample(left.filter(wanted), size ?? left.length, seed),
      equivalent: equivalent.filter(wanted),
    }));
}

/** A PostgreSQL for the whole run. It need not survive anything: it is there to test tests. */
async function openDatabase(): Promise<Record<string, string>> {
  const directory = await mkdtemp(path.join(tmpdir(), "postrider-mutants-"));
  const opening = openEmbeddedPostgres({
    dataDirectory: path.join(directory, "postgres"),
    settings: { max_connections: "300", fsync: "off", full_page_writes: "off" },
    stop: stopping.signal,
  });
  // Before it is open: a signal may come while it starts.
  closing.unshift(async () => {
    const server = await opening.catch(() => undefined);
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { POSTRIDER_TEST_DATABASE_URL: (await opening).url };
}

/** Tries faults of one area, one after the other. */
async function tryArea(area: Area, mutants: Mutant[], env: Record<string, string>) {
  const tests = testsOf(area, files).filter((test) => hasOneOf(test, options.tests));
  const reached = await measure(
    files,
    tests,
    env,
    stopping.signal,
    (test, { durationMs, failed }) => {
      const seconds = (durationMs / 1_000).toFixed(1);
      const fails = failed.length > 0 ? ", FAILS without a fault and is left out" : "";
      say(`${area.name}: ${test} takes ${seconds} s${fails}`);
    },
  );
  for (const [test, { failed }] of reached) if (failed.length > 0) reached.delete(test);
  const workspace = openWorkspace(files);
  const judge = openJudge(workspace, openRunner(workspace.directory, env), reached);
  closing.unshift(judge.close);
  const judged: Judged[] = [];
  for (const mutant of mutants) {
    const verdict = await judge.judge(mutant);
    judged.push({ area: area.name, mutant, verdict });
    tell(judged, mutants.length);
  }
  closing.shift();
  judge.close();
  return judged;
}

/** Says what became of the last fault, if it is worth a line, and how far it is. */
function tell(judged: readonly Judged[], count: number): void {
  const last = judged.at(-1);
  if (!last) return;
  const { area, mutant, verdict } = last;
  const line = lineOf(mutant, sourceOf(mutant.file));
  if (verdict.kind === "survived") say(`survived ${verdict.tests} test files: ${line}`);
  if (verdict.kind === "broken") say(`broken (${verdict.reason}): ${line}`);
  if (judged.length % 10 !== 0) return;
  const survived = judged.filter((one) => one.verdict.kind === "survived").length;
  say(`${area}: ${judged.length} of ${count}, ${survived} survived`);
}

async function tryAll(planned: readonly Planned[]): Promise<Judged[]> {
  const env = await openDatabase();
  const judged: Judged[] = [];
  for (const { area, left, equivalent } of planned) {
    for (const mutant of equivalent) {
      judged.push({ area: area.name, mutant, verdict: { kind: "equivalent" } });
    }
    if (left.length > 0) judged.push(...(await tryArea(area, left, env)));
  }
  return judged;
}

async function close(): Promise<void> {
  for (const one of closing.splice(0)) await one();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stopping.abort();
    void close().finally(() => process.exit(130));
  });
}
const planned = plan(options);
if (options.list) {
  for (const { left } of planned)
    for (const one of left) console.log(lineOf(one, sourceOf(one.file)));
} else {
  setPriority(10);
  try {
    const judged = await tryAll(planned);
    const figures = figuresOf(judged);
    const survivors = judged.filter(({ verdict }) => verdict.kind === "survived");
    const lines = survivors.map(({ mutant }) => lineOf(mutant, sourceOf(mutant.file)));
    console.log(
      options.json ? JSON.stringify({ ...options, figures, survivors: lines }) : table(figures),
    );
    const well = figures.every(({ percent, broken }) => percent >= percentMin && broken === 0);
    process.exitCode = well ? 0 : 1;
  } catch (error) {
    // What a signal broke off fails of it. The signal's own handler ends the program.
    if (stopping.signal.aborted) await new Promise(() => {});
    throw error;
  } finally {
    await close();
  }
}
