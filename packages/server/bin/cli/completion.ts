import { Argument, type Command } from "commander";
import { bashScript, fishScript, placesOf, zshScript } from "./completion-scripts.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
type Shell = keyof typeof scripts;

const help = `
Examples:
  # bash: for this and every later shell
  $ postrider completion bash > ~/.local/share/bash-completion/completions/postrider
  # zsh: into a folder of $fpath
  $ postrider completion zsh > ~/.zfunc/_postrider
  # fish
  $ postrider completion fish > ~/.config/fish/completions/postrider.fish`;

/** The command that prints a script by which a shell completes the others. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a shell script that completes commands, options and their values")
    .addArgument(new Argument("<shell>", "name of the shell").choices(Object.keys(scripts)))
    .addHelpText("after", help)
    .action((shell: Shell) => {
      process.stdout.write(scripts[shell](placesOf(program)));
    });
}
