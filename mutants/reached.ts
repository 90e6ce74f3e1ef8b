import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { probed } from "./probes.ts";
import { openRunner } from "./runner-process.ts";
import { openWorkspace, root } from "./workspace.ts";

/** What a test file does when nothing is broken. */
export type Reached = { functions: string[]; durationMs: number; failed: string[] };

const cacheFile = path.join(root, "node_modules/.cache/postrider-mutants.json");

/**
 * Runs test files once on unbroken sources, and says which functions each gets to and how long it takes.
 *
 * What was measured is remembered until the sources or the test change. `stop` breaks it off: it then rejects.
 */
export async function measure(
  files: readonly string[],
  tests: readonly string[],
  env: Record<string, string>,
  stop: AbortSignal,
  onMeasured: (test: string, reached: Reached) => void,
): Promise<Map<string, Reached>> {
  const known = readCache();
  const hashOf = hashes(files);
  const missing = tests.filter((test) => !known[hashOf(test)]);
  if (missing.length > 0) {
    await measureAnew(files, missing, env, stop, (test, reached) => {
      // A failure may be chance; it is not remembered.
      known[hashOf(test)] = reached;
      if (reached.failed.length === 0) writeCache(known);
      onMeasured(test, reached);
    });
  }
  return new Map(
    tests.flatMap((test) => {
      const reached = known[hashOf(test)];
      return reached ? [[test, reached]] : [];
    }),
  );
}

async function measureAnew(
  files: readonly string[],
  tests: readonly string[],
  env: Record<string, string>,
  stop: AbortSignal,
  onMeasured: (test: string, reached: Reached) => void,
): Promise<void> {
  const workspace = openWorkspace(files);
  const notes = path.join(workspace.directory, "reached.json");
  const runner = openRunner(workspace.directory, { ...env, POSTRIDER_MUTANTS_REACHED: notes });
  stop.addEventListener("abort", runner.close);
  try {
    for (const file of files.filter(isSource)) {
      workspace.write(file, probed(file, workspace.read(file)));
    }
    for (const test of tests) {
      const once = async () => {
        rmSync(notes, { force: true });
        return await runner.run(test, 300_000);
      };
      let answer = await once();
      if (answer !== "timed out" && answer.failed.length > 0) answer = await once();
      onMeasured(
        test,
        answer === "timed out"
          ? { functions: [], durationMs: 300_000, failed: [answer] }
          : { functions: readNotes(notes), durationMs: answer.durationMs, failed: answer.failed },
      );
    }
  } finally {
    stop.removeEventListener("abort", runner.close);
    runner.close();
    workspace.remove();
  }
}

const isSource = (file: string): boolean => /^packages\/[^/]+\/src\/.+(?<!\.gen)\.ts$/.test(file);

function readNotes(file: string): string[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as string[];
  } catch {
    return [];
  }
}

/** The hash of what a test file's reach hangs on: itself and the sources. */
function hashes(files: readonly string[]): (test: string) => string {
  const read = (file: string) => readFileSync(path.join(root, file));
  const common = createHash("sha256");
  for (const file of files.filter(isSource)) common.update(file).update(read(file));
  const ofAll = common.digest();
  return (test) => createHash("sha256").update(ofAll).update(test).update(read(test)).digest("hex");
}

function readCache(): Record<string, Reached> {
  try {
    return JSON.parse(readFileSync(cacheFile, "utf8"));
  } catch {
    return {};
  }
}

function writeCache(known: Record<string, Reached>): void {
  mkdirSync(path.dirname(cacheFile), { recursive: true });
  writeFileSync(cacheFile, JSON.stringify(known));
}
