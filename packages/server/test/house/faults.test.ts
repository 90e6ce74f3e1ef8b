import { expect, test } from "vitest";
import { faultPoints } from "../../src/fault-points.ts";
import { type Fate, faultCases, pointsWithoutDelivery } from "../fire/fault-table.ts";
import { listFiles, readText } from "./sources.ts";

const page = readText("docs/faults.md");
const sources = listFiles("src", "bin").map((file) => ({
  file,
  text: readText(`packages/${file}`),
}));

test("every fault point is reached in the sources, and a test kills a process there", () => {
  const reached = sources.flatMap(({ text }) =>
    [...text.matchAll(/\breach\("(\w+)"/g)].map(([, point]) => point),
  );
  expect([...new Set(reached)].sort()).toEqual([...faultPoints].sort());
  const tested = [...faultCases.map(({ point }) => point), ...pointsWithoutDelivery];
  expect([...tested].sort()).toEqual([...faultPoints].sort());
});

test("nothing but a test can arm a fault point", () => {
  const arming = sources.filter(({ text }) => text.includes("armFaultPoints"));
  expect(arming.map(({ file }) => file)).toEqual(["server/src/fault-points.ts"]);
});

test("docs/faults.md describes the result of each point's test", () => {
  const rows = faultCases.map(
    ({ point, where, unordered, ordered, orElse }) =>
      `| \`${point}\` | ${where} | ${[unordered, ...(orElse ? [orElse] : [])].map(describe).join(" – or ")} | ${ordered ? describe(ordered) : "–"} |`,
  );
  const table = page.match(/^\| `\w+` \| .*$/gm) ?? [];
  expect(table.join("\n")).toBe(rows.join("\n"));
});

test("every test that docs/faults.md names exists", () => {
  const files = listFiles("test").map((file) => `packages/${file}`);
  const named = [...page.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, file]) => file);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((file) => !files.includes(`packages/server/${file}`))).toEqual([]);
});

/** A fate in one cell, such as "1 arrived: `unknown_outcome`, 200; delivered". */
function describe({ arrived, attempts, status }: Fate): string {
  const came = attempts.map((one) => (one === "unknown_outcome" ? "`unknown_outcome`" : one));
  return `${arrived} arrived: ${came.join(", ")}; ${status}`;
}
