// A set-up file of runs whose sources are probed: writes down to which functions a test file got.
import { writeFileSync } from "node:fs";
import { afterAll } from "vitest";

const reached = new Set<string>();
Object.assign(globalThis, { __reached: reached });

afterAll(() => {
  writeFileSync(process.env.POSTRIDER_MUTANTS_REACHED ?? "", JSON.stringify([...reached]));
});
