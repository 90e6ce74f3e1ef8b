import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../src/config.ts";
import { readText } from "../house/sources.ts";
import { findProgram } from "./programs.ts";

const analyze = findProgram("systemd-analyze");
const unit = readText("deploy/systemd/postrider.service");
const settings = (name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value);

/** Writes a unit whose program is there, and returns its file. */
function unitFile(text: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-systemd-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, "postrider.service");
  writeFileSync(file, text.replaceAll("/usr/bin/node", process.execPath));
  return file;
}

test("systemd finds nothing wrong with the unit, and a slip would be found", ({ skip }) => {
  skip(!analyze.isThere, analyze.missing);
  expect(analyze.run(["verify", unitFile(unit)])).toEqual({ code: 0, output: "" });
  const slip = unit.replace("ProtectSystem=strict", "ProtectSystems=strict");
  expect(analyze.run(["verify", unitFile(slip)]).output).toContain("ProtectSystems");
});

test("systemd rates the unit's exposure as low: 2 of 10 at the most", ({ skip }) => {
  skip(!analyze.isThere, analyze.missing);
  const rate = (text: string) =>
    analyze.run(["security", "--offline=true", "--threshold=20", "--no-pager", unitFile(text)]);
  expect(rate(unit).code).toBe(0);
  expect(rate(unit.replace(/^DynamicUser=[\s\S]*?\n\n/m, "\n")).code).not.toBe(0);
});

test("the unit starts a process again that ended by itself, and gives one that stops the time it takes", () => {
  expect(settings("Restart")).toEqual(["always"]);
  expect(settings("RestartPreventExitStatus")).toEqual(["2"]);
  expect(settings("KillSignal")).toEqual(["SIGTERM"]);
  const { shutdownSeconds } = readConfig("development", {});
  expect(Number(settings("TimeoutStopSec")[0])).toBeGreaterThan(shutdownSeconds);
  expect([...settings("ExecStartPre"), ...settings("ExecStart")]).toEqual([
    "/usr/bin/node /opt/postrider/bin/postrider.js migrate",
    "/usr/bin/node /opt/postrider/bin/postrider.js serve",
  ]);
});
