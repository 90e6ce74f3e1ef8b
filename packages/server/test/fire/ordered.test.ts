import { expect, test } from "vitest";
import { runFaultCase } from "./fault-run.ts";
import { faultCases } from "./fault-table.ts";

const cases = faultCases.filter(({ ordered }) => ordered !== undefined);

test.each(cases)(
  "at most once: kill -9 at $point sends nothing twice",
  { timeout: 90_000 },
  async (one) => {
    expect(await runFaultCase(one, "ordered")).toEqual(one.ordered);
  },
);
