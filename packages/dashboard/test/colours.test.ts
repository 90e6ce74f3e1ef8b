import { expect, test } from "vitest";
import { contrast, dressOf } from "../src/words/colours.ts";

test("contrast is WCAG's", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 2);
});

const colours = [
  "#000000",
  "#ffffff",
  "#ffff00",
  "#ff0000",
  "#00ff00",
  "#808080",
  "#1f6feb",
  "#123456",
];
const inks = {
  light: ["#1b1c1a", "#55574f", "#66685f", "#16703f", "#7f5900", "#b3261e", "#63655e"],
  dark: ["#ececea", "#b3b5ad", "#93958d", "#63c793", "#e3b54c", "#f2877f", "#a0a29a"],
} as const;

test.each(colours.flatMap((accent) => colours.map((background) => [accent, background] as const)))(
  "with the accent %s on %s everything can still be read",
  (accent, background) => {
    const { scheme = "light", tokens } = dressOf({ accent, background }, "light");
    const surface = scheme === "light" ? "#ffffff" : "#1c1d1b";
    const ground = tokens["--bg"] ?? "";
    expect(contrast(tokens["--accent"] ?? "", surface)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(tokens["--accent"] ?? "", tokens["--accent-ink"] ?? "")).toBeGreaterThanOrEqual(
      4.5,
    );
    for (const ink of inks[scheme]) expect(contrast(ink, ground), ink).toBeGreaterThanOrEqual(4.5);
  },
);

test("what is no colour changes nothing", () => {
  expect(dressOf({ accent: "red", background: "url(x)" }, "dark")).toEqual({
    scheme: undefined,
    tokens: {},
  });
});
