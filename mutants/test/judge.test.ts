import { expect, onTestFinished, test } from "vitest";
import { openJudge } from "../judge.ts";
import { functionAround } from "../probes.ts";
import { openRunner } from "../runner-process.ts";
import { typescriptMutants } from "../typescript-mutants.ts";
import { openWorkspace } from "../workspace.ts";

const file = "example.ts";
const source = `export function count(n) {
  if (n < 0) throw new Error("less than nothing");
  let left = n;
  let counted = 0;
  while (left > 0) {
    left--;
    counted++;
  }
  return counted;
}
`;
const tests = {
  "weak.test.ts": 'test("it counts", () => void expect(count(3)).toBeTypeOf("number"));',
  "strong.test.ts": 'test("it counts to three", () => void expect(count(3)).toBe(3));',
};

test("a fault that a test notices is told from one that nobody notices and from one that never ends", {
  timeout: 120_000,
}, async () => {
  const workspace = openWorkspace([]);
  const runner = openRunner(workspace.directory, {});
  workspace.write(file, source);
  workspace.write("vitest.config.mjs", "export default { test: { globals: true } };");
  for (const [name, text] of Object.entries(tests)) {
    workspace.write(name, `import { count } from "./${file}";\n${text}\n`);
  }
  const functions = [functionAround(file, source, source.indexOf("let left"))];
  const openOne = (durationMs: number) => {
    const reached = { functions, durationMs, failed: [] };
    return openJudge(workspace, runner, new Map(Object.keys(tests).map((one) => [one, reached])));
  };
  const patient = openOne(0);
  // What never ends is given up soon.
  const hasty = openOne(-3_200);
  onTestFinished(patient.close);

  const mutants = typescriptMutants(file, source);
  const judged = async (start: string, kind: string, judge = patient) => {
    const mutant = mutants.find((one) => one.kind === kind && source.startsWith(start, one.start));
    if (!mutant) throw new Error(`there is no such fault: ${kind} at ${start}`);
    return await judge.judge(mutant);
  };
  expect(await judged("counted++;", "statement removed")).toEqual({
    kind: "noticed",
    by: "strong.test.ts › it counts to three",
  });
  // What failed before does not count in the run of another file.
  expect(await runner.run("weak.test.ts", 20_000)).toMatchObject({ failed: [] });
  expect(await judged("if (n < 0)", "guard removed")).toEqual({ kind: "survived", tests: 2 });
  expect(await judged("left--;", "statement removed", hasty)).toMatchObject({
    kind: "timed out",
  });
  // Nor does an error that nobody caught in one run count in the next.
  workspace.write(
    "loud.test.ts",
    'test("it says nothing", () => void Promise.reject(new Error("late")));',
  );
  expect((await runner.run("loud.test.ts", 20_000)) as object).toMatchObject({
    failed: ["an error that nobody caught"],
  });
  // Neither the endless test nor the faults before are left behind.
  expect(workspace.read(file)).toBe(source);
  expect(await judged("if (n < 0)", "guard removed")).toEqual({ kind: "survived", tests: 2 });
});

test("a run in which no test ran is an error, and not a fault that nobody noticed", {
  timeout: 60_000,
}, async () => {
  const workspace = openWorkspace([]);
  const runner = openRunner(workspace.directory, {});
  onTestFinished(() => {
    runner.close();
    workspace.remove();
  });
  workspace.write("vitest.config.mjs", "export default { test: { globals: true } };");
  workspace.write("skipped.test.ts", 'test.skip("it is not run", () => {});');
  await expect(runner.run("skipped.test.ts", 20_000)).rejects.toThrow(
    "skipped.test.ts ran no test",
  );
});

test("a runner that is closed gives no answer more, and starts no process again", {
  timeout: 120_000,
}, async () => {
  const workspace = openWorkspace([]);
  onTestFinished(workspace.remove);
  const runner = openRunner(workspace.directory, {});
  workspace.write("vitest.config.mjs", "export default { test: { globals: true } };");
  workspace.write("endless.test.ts", 'test("it never ends", () => { for (;;); });');
  const started = runner.run("endless.test.ts", 60_000);
  runner.close();
  // Whether it was closed as its process started or as it ran a test: it is no failure of a test.
  await expect(started).rejects.toThrow();
  await expect(runner.run("endless.test.ts", 60_000)).rejects.toThrow("the runner is closed");
});
