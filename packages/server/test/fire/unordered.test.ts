import { expect, test } from "vitest";
import { runFaultCase } from "./fault-run.ts";
import { faultCases } from "./fault-table.ts";

test.each(faultCases)(
  "at least once: kill -9 at $point loses nothing",
  { timeout: 90_000 },
  async (one) => {
    const possible = [one.unordered, ...(one.orElse ? [one.orElse] : [])];
    expect(possible).toContainEqual(await runFaultCase(one, "unordered"));
  },
);
