import type { Command, Option } from "commander";

/** What stands above the reference in docs/cli.md; packages/server/scripts/write-cli.ts writes what follows. */
export const referenceHeading = "## Every command\n";

/** The options that every command has which asks a service; docs/cli.md says them once. */
export const commonFlags = ["--url <url>", "--key <key>", "--team <id>", "--json"];

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

/** Whether a command asks a service, and so has the common options. */
const asksService = ({ options }: Command): boolean =>
  commonFlags.every((flag) => options.some((one) => one.flags === flag));

const rowOf = ({
  flags,
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
}: Option): string => {
  const choices =
    argChoices === undefined ? "" : ` One of ${argChoices.map((one) => `\`${one}\``).join(", ")}.`;
  const isToggle = flags.startsWith("--no-");
  const standard = defaultValueDescription ?? defaultValue;
  const byDefault = standard === undefined || isToggle ? "" : ` Default: \`${standard}\`.`;
  return `| \`${flags}\` | ${cell(description)}.${choices}${byDefault} |`;
};

/** The reference of every command, its arguments and its options, as docs/cli.md has it. */
export function commandTables(program: Command, path = "postrider"): string {
  return program.commands
    .map((command) => {
      const name = `${path} ${command.name()}`;
      if (command.commands.length > 0) return commandTables(command, name);
      const args = command.registeredArguments.map((one) =>
        one.required ? `<${one.name()}>` : `[${one.name()}]`,
      );
      const own = command.options.filter(
        ({ flags }) => !(asksService(command) && commonFlags.includes(flags)),
      );
      const table =
        own.length === 0 ? "" : `\n| Option | Means |\n|---|---|\n${own.map(rowOf).join("\n")}\n`;
      const said = command.registeredArguments.map(
        (one) => `\`${one.required ? `<${one.name()}>` : `[${one.name()}]`}\`: ${one.description}.`,
      );
      return [
        `### ${name}`,
        "",
        `\`${[name, ...args].join(" ")}\`: ${cell(command.description())}.${asksService(command) ? "" : " It takes none of the common options."}`,
        ...(said.length === 0 ? [] : ["", said.join(" ")]),
        table,
      ].join("\n");
    })
    .join("\n");
}
