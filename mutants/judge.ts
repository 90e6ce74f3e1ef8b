import path from "node:path";
import { applied, type Mutant } from "./mutant.ts";
import { functionAround } from "./probes.ts";
import type { Reached } from "./reached.ts";
import type { Runner } from "./runner-process.ts";
import type { Workspace } from "./workspace.ts";

/** What the tests made of a fault. */
export type Verdict =
  | { kind: "noticed"; by: string }
  | { kind: "timed out"; by: string }
  /** `tests`: how many ran although it was there; none when no test gets to its place. */
  | { kind: "survived"; tests: number }
  /** It is no fault but nonsense: neither TypeScript nor SQL. */
  | { kind: "broken"; reason: string };

/** Judges faults one by one, in one copy with one runner. */
export type Judge = { judge(mutant: Mutant): Promise<Verdict>; close(): void };

const nonsense =
  /syntax error at|could not determine data type|SyntaxError|Transform failed|PARSE_ERROR/;

/** Opens a judge; `reached` has the tests that may run, with what each gets to. */
export function openJudge(
  workspace: Workspace,
  runner: Runner,
  reached: ReadonlyMap<string, Reached>,
): Judge {
  /** Which test noticed a fault in a file last: the next one there is likely its as well. */
  const noticedLast = new Map<string, string>();

  const testsFor = (mutant: Mutant, source: string): [string, Reached][] => {
    const where = functionAround(mutant.file, source, mutant.start);
    const stem = path.basename(mutant.file, ".ts");
    const rank = ([test, { durationMs }]: [string, Reached]) =>
      durationMs -
      (path.basename(test, ".test.ts") === stem ? 1e6 : 0) -
      (noticedLast.get(mutant.file) === test ? 1e7 : 0);
    return [...reached]
      .filter(([, { functions }]) => functions.includes(where))
      .sort((a, b) => rank(a) - rank(b));
  };

  const runAll = async (mutant: Mutant, tests: [string, Reached][]): Promise<Verdict> => {
    for (const [test, { durationMs }] of tests) {
      const answer = await runner.run(test, 20_000 + 6 * durationMs);
      if (answer === "timed out") return { kind: "timed out", by: test };
      const [first] = answer.failed;
      if (first === undefined) continue;
      if (nonsense.test(answer.reason ?? ""))
        return { kind: "broken", reason: answer.reason ?? "" };
      noticedLast.set(mutant.file, test);
      return { kind: "noticed", by: `${test} › ${first}` };
    }
    return { kind: "survived", tests: tests.length };
  };

  return {
    async judge(mutant) {
      const source = workspace.read(mutant.file);
      const put = (text: string) => {
        workspace.write(mutant.file, text);
        runner.changed(mutant.file);
      };
      put(applied(source, mutant));
      try {
        return await runAll(mutant, testsFor(mutant, source));
      } finally {
        put(source);
      }
    },
    close: () => {
      runner.close();
      workspace.remove();
    },
  };
}
