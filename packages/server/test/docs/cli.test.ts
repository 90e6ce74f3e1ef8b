import type { Command } from "commander";
import { expect, test } from "vitest";
import { openProgram } from "../../bin/program.ts";
import { readText } from "../house/sources.ts";
import { commandTables, commonFlags, referenceHeading } from "./cli-reference.ts";

const page = readText("docs/cli.md");
const program = openProgram();

/** What the formatter of documents may change: blanks that pad the cells of a table. */
const plain = (text: string) => text.replaceAll(/ {2,}/g, " ").replaceAll(/\|-+/g, "|---").trim();

test("docs/cli.md lists every command with its arguments and options as the program has them, and no other", () => {
  const [, reference = ""] = page.split(referenceHeading);
  expect(plain(reference)).toBe(plain(commandTables(program)));
});

test("docs/cli.md says once what the options of every command that asks a service mean", () => {
  for (const flag of commonFlags) expect(page).toContain(`| \`${flag}\` |`);
});

const leaves = (command: Command, path = ""): { path: string; command: Command }[] =>
  command.commands.flatMap((one) => {
    const below = `${path} ${one.name()}`.trim();
    return one.commands.length > 0 ? leaves(one, below) : [{ path: below, command: one }];
  });

test("every command for daily work has examples in its help, of itself", () => {
  const daily =
    /^(?:login|endpoints|deliveries|runs|calls|replay|trigger|verify|completion|keys (?!rotate))/;
  for (const { path, command } of leaves(program).filter(({ path }) => daily.test(path))) {
    let help = "";
    command
      .configureOutput({
        writeOut: (text) => {
          help += text;
        },
      })
      .outputHelp();
    expect(help, path).toContain(`Examples:\n`);
    expect(help, path).toContain(`$ postrider ${path}`);
  }
});

test("the shorter command line of a service has its commands, as they are in the whole", () => {
  for (const name of ["serve", "migrate"]) {
    const find = (from: Command) => from.commands.find((one) => one.name() === name);
    expect(find(openProgram(name))?.helpInformation()).toBe(find(program)?.helpInformation());
  }
});
