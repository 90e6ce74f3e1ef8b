// A process that runs test files of a copy again and again, with Vitest kept warm. Told over IPC what to run.
import path from "node:path";
import { createVitest, type TestModule, type Vitest } from "vitest/node";

/** What a runner is asked: which test file to run, and which sources have changed since it was asked last. */
export type Request = { test: string; changed: readonly string[] };
/** What came of it: how many tests ran, those that failed, and the first reason. */
export type Answer = { ran: number; failed: string[]; reason?: string; durationMs: number };

const directory = process.argv[2] ?? "";
const reaching = process.env.POSTRIDER_MUTANTS_REACHED !== undefined;

const vitest: Vitest = await createVitest(
  "test",
  {
    root: directory,
    watch: false,
    reporters: [{}],
    maxWorkers: 1,
    silent: true,
    // No `bail`: Vitest then cancels a run that may be over already, and skips the tests of the next ones.
  },
  reaching ? { test: { setupFiles: [path.join(import.meta.dirname, "reach.ts")] } } : {},
);
await vitest.standalone();

function resultsOf(module: TestModule): {
  ran: number;
  failed: string[];
  errors: readonly { message: string }[];
} {
  const tests = [...module.children.allTests("failed")];
  const errors = [
    ...tests.flatMap((test) => test.result().errors ?? []),
    ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
    ...module.errors(),
  ];
  const names = tests.map((test) => test.fullName);
  const ran = tests.length + [...module.children.allTests("passed")].length;
  return {
    ran,
    failed: names.length === 0 && errors.length > 0 ? ["the file itself"] : names,
    errors,
  };
}

async function run({ test, changed }: Request): Promise<Answer> {
  for (const file of changed) vitest.invalidateFile(path.join(directory, file));
  const specification = vitest.getRootProject().createSpecification(path.join(directory, test));
  const startedAtMs = performance.now();
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications([specification]);
  // Vitest hands over the files of earlier runs as well, with what they failed of then.
  const found = testModules
    .filter(({ moduleId }) => moduleId === specification.moduleId)
    .map(resultsOf);
  const failed = found.flatMap((one) => one.failed);
  const [first] = [...found.flatMap((one) => one.errors), ...unhandledErrors];
  if (failed.length === 0 && unhandledErrors.length > 0) failed.push("an error that nobody caught");
  return {
    ran: found.reduce((sum, one) => sum + one.ran, 0),
    failed,
    ...(first ? { reason: String((first as Error).message ?? first).slice(0, 500) } : {}),
    durationMs: performance.now() - startedAtMs,
  };
}

process.on("message", async (request: Request) => process.send?.(await run(request)));
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
