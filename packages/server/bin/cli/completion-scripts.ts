import type { Command } from "commander";

/** What can follow a command: its subcommands, its options with their choices, and its argument's choices. */
export type Place = {
  /** The words after `postrider`, such as `deliveries list`; empty for the program itself. */
  path: string;
  commands: { name: string; does: string }[];
  options: { flag: string; does: string; takesValue: boolean; choices: readonly string[] }[];
  choices: readonly string[];
};

/** Lists the places of all commands. */
export function placesOf(program: Command, path: readonly string[] = []): Place[] {
  const commands = program.commands.map((one) => ({ name: one.name(), does: one.description() }));
  const here: Place = {
    path: path.join(" "),
    commands,
    options: [
      ...program.options.map((one) => ({
        flag: one.long ?? one.short ?? "",
        does: one.description,
        takesValue: one.required || one.optional,
        choices: one.argChoices ?? [],
      })),
      { flag: "--help", does: "display help for command", takesValue: false, choices: [] },
    ],
    choices: program.registeredArguments.flatMap((one) => one.argChoices ?? []),
  };
  return [here, ...program.commands.flatMap((one) => placesOf(one, [...path, one.name()]))];
}

const madeBy = (shell: string) =>
  `# Completion of postrider for ${shell}. Made by: postrider completion ${shell}`;

/** The words that extend a path, as a pattern for a shell's case. */
const steps = (places: readonly Place[]): string =>
  places
    .filter(({ path }) => path !== "")
    .map(({ path }) => `" ${path}"`)
    .join("|");

const valuePatterns = (places: readonly Place[]) =>
  places.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ flag, choices }) => ({
        pattern: `"${path === "" ? "" : ` ${path}`} ${flag}"`,
        choices,
      })),
  );

const at = (path: string): string => (path === "" ? '""' : `" ${path}"`);

/** The script for bash. */
export function bashScript(places: readonly Place[]): string {
  const values = valuePatterns(places).map(
    ({ pattern, choices }) => `    ${pattern}) words="${choices.join(" ")}"; isValue=1 ;;`,
  );
  const lists = places.map(
    ({ path, commands, options, choices }) =>
      `    ${at(path)}) words="${[...commands.map(({ name }) => name), ...choices].join(" ")}"; flags="${options.map(({ flag }) => flag).join(" ")}" ;;`,
  );
  return `${madeBy("bash")}
_postrider() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local place="" words="" flags="" isValue=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${steps(places)}) place="$place \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place" in
${lists.join("\n")}
  esac
  case "$place $previous" in
${values.join("\n")}
  esac
  if ((!isValue)) && [[ "$current" == -* ]]; then words="$flags"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _postrider postrider
`;
}

/** A text in single quotes, for a shell; in zsh's _describe the text before a colon is the word. */
const inQuotes = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const described = (word: string, does: string): string =>
  inQuotes(does === "" ? word : `${word.replaceAll(":", "\\:")}:${does}`);

/** The script for zsh. */
export function zshScript(places: readonly Place[]): string {
  const values = valuePatterns(places).map(
    ({ pattern, choices }) =>
      `    ${pattern}) ${choices.length === 0 ? "_files" : `compadd -- ${choices.join(" ")}`}; return ;;`,
  );
  const lists = places.map(({ path, commands, options, choices }) => {
    const words = [
      ...commands.map(({ name, does }) => described(name, does)),
      ...choices.map((choice) => described(choice, "")),
    ];
    const flags = options.map(({ flag, does }) => described(flag, does));
    return `    ${at(path)}) items=(${words.join(" ")}); flags=(${flags.join(" ")}) ;;`;
  });
  return `#compdef postrider
${madeBy("zsh")}
_postrider() {
  local place="" i
  local -a items flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$place $words[i]" in
      ${steps(places)}) place="$place $words[i]" ;;
    esac
  done
  case "$place $words[CURRENT-1]" in
${values.join("\n")}
  esac
  case "$place" in
${lists.join("\n")}
  esac
  if [[ "$words[CURRENT]" == -* ]]; then
    _describe -o option flags
  elif (($#items)); then
    _describe command items
  else
    _files
  fi
}
if [[ "$funcstack[1]" == _postrider ]]; then _postrider "$@"; else compdef _postrider postrider; fi
`;
}

/** The script for fish. */
export function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options, choices }) => {
    const here = `complete -c postrider -n ${inQuotes(`__postrider_at "${path}"`)}`;
    return [
      ...commands.map(({ name, does }) => `${here} -f -a ${name} -d ${inQuotes(does)}`),
      ...(choices.length === 0 ? [] : [`${here} -f -a ${inQuotes(choices.join(" "))}`]),
      ...options.map(({ flag, does, takesValue, choices: values }) => {
        const value = !takesValue
          ? ""
          : values.length === 0
            ? " -r"
            : ` -x -a ${inQuotes(values.join(" "))}`;
        return `${here} -l ${flag.replace(/^--/, "")}${value} -d ${inQuotes(does)}`;
      }),
    ];
  });
  const paths = places.map(({ path }) => path).filter((path) => path !== "");
  return `${madeBy("fish")}
function __postrider_at
  set -l place ""
  for word in (commandline -opc)[2..]
    set -l longer (string trim -- "$place $word")
    contains -- "$longer" ${paths.map((path) => `"${path}"`).join(" ")}; and set place "$longer"
  end
  test "$place" = "$argv[1]"
end
${lines.join("\n")}
`;
}
