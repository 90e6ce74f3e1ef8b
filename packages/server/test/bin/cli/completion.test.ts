import { execFileSync } from "node:child_process";
import type { Command } from "commander";
import { expect, test } from "vitest";
import {
  bashScript,
  fishScript,
  placesOf,
  zshScript,
} from "../../../bin/cli/completion-scripts.ts";
import { openProgram } from "../../../bin/program.ts";

const places = placesOf(openProgram());

/** What bash offers behind these words; the last one is being typed. */
function offered(...words: string[]): string[] {
  const script = `${bashScript(places)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postrider
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync("bash", ["-c", script, "bash", "postrider", ...words], {
    encoding: "utf8",
  });
  return text.split("\n").filter((word) => word !== "");
}

test("bash completes commands, subcommands, options and what options may be", () => {
  expect(offered("en")).toEqual(["endpoints"]);
  expect(offered("endpoints", "")).toEqual([
    "list",
    "show",
    "create",
    "test",
    "enable",
    "disable",
    "rotate",
  ]);
  expect(offered("deliveries", "list", "--st")).toEqual(["--status"]);
  expect(offered("deliveries", "list", "--status", "f")).toEqual(["failed"]);
  expect(offered("deliveries", "list", "--limit", "5", "--sin")).toEqual(["--since"]);
  expect(offered("trigger", "workflow.st")).toEqual([
    "workflow.started",
    "workflow.step.started",
    "workflow.step.completed",
    "workflow.step.failed",
  ]);
  expect(offered("deliveries", "list", "--endpoint", "")).toEqual([]);
});

test("bash offers every command and option that there is", () => {
  const visit = (command: Command, path: string[]): void => {
    const options = command.options.map(({ long }) => long);
    expect(offered(...path, "--"), path.join(" ")).toEqual(expect.arrayContaining(options));
    for (const below of command.commands) visit(below, [...path, below.name()]);
  };
  visit(openProgram(), []);
}, 30_000);

test("the scripts for zsh and fish name every command and option as well", () => {
  for (const script of [zshScript(places), fishScript(places)]) {
    for (const { path, options } of places) {
      expect(script).toContain(path);
      for (const { flag } of options) expect(script).toContain(flag.replace(/^--/, ""));
    }
  }
});
