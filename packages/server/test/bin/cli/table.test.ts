import { expect, test } from "vitest";
import { type Column, cutTo, displayWidth, layTable, printable } from "../../../bin/cli/table.ts";

const columns: readonly Column[] = [
  { title: "STATUS" },
  { title: "EVENT", min: 12, cutLast: true },
  { title: "ENDPOINT", min: 8, optional: 1 },
  { title: "ATTEMPTS", optional: 3 },
  { title: "ANSWER", optional: 2 },
  { title: "AGE", optional: 4 },
  { title: "ID", shortTo: 8 },
];
const rows = [
  [
    "● Failed",
    "workflow_run_completed",
    "Billing system of the north",
    "●●●●",
    "503",
    "1 min",
    "6b0d9772bd73d8fad559b769",
  ],
  ["● Delivered", "hang", "Reception", "●", "204", "3 min", "6b0d9772bd73d8fad559b770"],
];

test("a table shows everything where there is room", () => {
  expect(layTable(columns, rows, 120)).toEqual([
    "STATUS       EVENT                   ENDPOINT                     ATTEMPTS  ANSWER  AGE    ID",
    "● Failed     workflow_run_completed  Billing system of the north  ●●●●      503     1 min  6b0d9772bd73d8fad559b769",
    "● Delivered  hang                    Reception                    ●         204     3 min  6b0d9772bd73d8fad559b770",
  ]);
});

test("at 80 columns ids are short, and names are cut before event types are", () => {
  expect(layTable(columns, rows, 80)).toEqual([
    "STATUS       EVENT                   ENDPOINT  ATTEMPTS  ANSWER  AGE    ID",
    "● Failed     workflow_run_completed  Billing…  ●●●●      503     1 min  d559b769",
    "● Delivered  hang                    Recepti…  ●         204     3 min  d559b770",
  ]);
});

test("at 40 columns what can be missed is left out, and no line is longer", () => {
  expect(layTable(columns, rows, 40)).toEqual([
    "STATUS       EVENT              ID",
    "● Failed     workflow_run_com…  d559b769",
    "● Delivered  hang               d559b770",
  ]);
});

test.each([20, 40, 60, 79, 80, 81, 100, 120])(
  "no line is longer than %d columns, as far as titles allow",
  (width) => {
    for (const line of layTable(columns, rows, Math.max(width, 37))) {
      expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(width, 37));
    }
  },
);

test("without a width, as in a pipe, nothing is cut", () => {
  expect(layTable(columns, rows)[1]).toContain("Billing system of the north");
  expect(layTable(columns, rows)[1]).toContain("6b0d9772bd73d8fad559b769");
});

test("colours take no room, and numbers stand at the right", () => {
  const paint = (text: string) => `<${text}>`;
  const lines = layTable(
    [{ title: "A" }, { title: "WAITING", align: "right" }],
    [
      [{ text: "x", paint }, "12"],
      [{ text: "long", paint }, "1204"],
    ],
    80,
  );
  expect(lines).toEqual(["A     WAITING", "<x   >       12", "<long>     1204"]);
});

test("wide characters and emoji take two places, and are not cut in half", () => {
  expect(displayWidth("請求書")).toBe(6);
  expect(displayWidth("👩‍⚕️ ok")).toBe(5);
  expect(displayWidth("é")).toBe(1);
  expect(cutTo("請求書システム", 7)).toBe("請求書…");
  expect(cutTo("請求書システム", 8)).toBe("請求書…");
  expect(cutTo("abc", 3)).toBe("abc");
});

test("a name can neither move the cursor nor colour the terminal nor turn the direction of writing", () => {
  const evil = "a\u001b[2Jb\r\nc\u0007\u202ed\u009b31m";
  expect(printable(evil)).toBe("a·[2Jb··c··d·31m");
  expect(layTable([{ title: "NAME" }], [[evil]])[1]).toBe("a·[2Jb··c··d·31m");
});
