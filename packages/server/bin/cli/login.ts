import type { Command } from "commander";
import { ConfigError } from "../../src/config.ts";
import { say } from "../lifetime.ts";
import { httpUrl } from "../options.ts";
import { clientOf, clientProblem, examples } from "./client.ts";
import { askLine } from "./confirm.ts";
import {
  type Connection,
  developmentUrl,
  isThisMachine,
  placesHere,
  readProfile,
  saveProfile,
  withoutPassword,
} from "./profile.ts";
import { readStdin } from "./stdin.ts";
import { print, printFields, printJson, printNext } from "./terminal.ts";

type LoginOptions = { url?: string; key?: string; team?: string; json?: boolean };

/** The command that stores the service's URL and the API key. */
export function addLoginCommand(program: Command): void {
  program
    .command("login")
    .description("check an API key and save it for later commands")
    .option(
      "--url <url>",
      "URL of the service; default: POSTRIDER_URL, then the URL of the last login",
      httpUrl,
    )
    .option("--key <key>", "API key; default: ask, or read the first line of standard input")
    .option("--team <id>", "one of the key's teams, for later commands; default: the key's own")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      examples(
        ["login --url https://postrider.example.com", "asks for the key and does not show it"],
        ["login < key.txt", "takes it from a file, for scripts"],
      ),
    )
    .action(login);
}

async function login(given: LoginOptions): Promise<void> {
  const { settings, profileFile } = placesHere();
  const url = given.url ?? settings.url ?? lastUrl(profileFile) ?? developmentUrl;
  const shown = withoutPassword(url);
  if (!isThisMachine(url) && url.startsWith("http:")) {
    say(`${shown} is not https: everybody on the way can read the API key`);
  }
  const apiKey = given.key ?? (await askForKey(shown));
  const connection: Connection = {
    url,
    apiKey,
    keyFrom: "this login",
    ...(given.team === undefined ? {} : { teamId: given.team }),
  };
  const me = await clientOf(connection)
    .me.get()
    .catch((error) => {
      throw clientProblem(error, connection);
    });
  saveProfile(profileFile, connection);
  if (settings.apiKey !== undefined) say("POSTRIDER_API_KEY is set, and wins over this login");
  if (given.json) {
    printJson({ url, profile: profileFile, ...me });
    return;
  }
  const team = me.teams.find(({ id }) => id === me.team_id);
  print("Logged in.\n");
  printFields([
    ["Service", shown],
    ["API key", `${me.name} (${me.id})`],
    ["Team", team === undefined ? me.team_id : `${team.name} (${team.id})`],
    ["Scopes", me.scopes.join(", ")],
    ["Kept in", profileFile],
  ]);
  printNext("See what there is: postrider endpoints list");
}

/** The URL of the stored profile; an unreadable profile is ignored, because it is about to be replaced. */
function lastUrl(profileFile: string): string | undefined {
  try {
    return readProfile(profileFile)?.url;
  } catch {
    return undefined;
  }
}

async function askForKey(url: string): Promise<string> {
  const text = process.stdin.isTTY
    ? await askLine(`API key for ${url}: `, { isHidden: true })
    : await readStdin();
  const [line = ""] = text.toString().trim().split("\n");
  if (line !== "") return line.trim();
  throw new ConfigError("No API key was given. Give it with --key, or on standard input.");
}
