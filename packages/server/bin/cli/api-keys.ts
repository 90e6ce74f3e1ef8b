import type { ApiKey } from "@postrider/sdk";
import { type Command, InvalidArgumentError, Option } from "commander";
import { StartError } from "../../src/start-error.ts";
import { rows } from "../options.ts";
import { type ClientOptions, clientCommand, examples, withClient } from "./client.ts";
import { confirm } from "./confirm.ts";
import { firstRows } from "./pages.ts";
import { type Column, printable } from "./table.ts";
import { print, printFields, printJson, printNext, printTable, stateCell } from "./terminal.ts";
import { ageOf, clockOf, counted, type Word } from "./words.ts";

type Scope = ApiKey["scopes"][number];
/** The scopes of a key that is created without any. */
const defaultScopes: Scope[] = ["read"];
const scopes: readonly Scope[] = ["read", "write", "publish", "payload", "admin"];

/** The commands about API keys; all of them need the scope admin. */
export function addApiKeyCommands(group: Command): void {
  clientCommand(group, "list", "list API keys, newest first")
    .option("--limit <n>", "how many to list at most", rows, 50)
    .addHelpText("after", examples(["keys list", "all keys, with their scopes"]))
    .action(listKeys);
  clientCommand(group, "create", "create an API key, and show it once")
    .requiredOption("--name <name>", "a name that says what the key is for")
    .addOption(
      new Option("--scope <scope>", "a scope of the key; repeatable, or a list with commas")
        .choices(scopes)
        .argParser(scopesOption)
        .default(defaultScopes, "read"),
    )
    .option(
      "--expires <time>",
      "how long it is valid, for example 12h or 90d; default: no end",
      lifetime,
    )
    .addHelpText(
      "after",
      examples(
        ["keys create --name dashboard --scope read,payload", "reads, and sees what was sent"],
        ["keys create --name ci --scope publish --expires 90d", "reports facts, for 90 days"],
      ),
    )
    .action(createKey);
  clientCommand(group, "revoke", "revoke an API key at once")
    .argument("<key>", "id or name of the key")
    .option("-y, --yes", "do not ask for confirmation")
    .addHelpText("after", examples(["keys revoke ci", "the service refuses it from now on"]))
    .action(revokeKey);
}

const columns: readonly Column[] = [
  { title: "STATE" },
  { title: "NAME", min: 10 },
  { title: "KEY", optional: 3 },
  { title: "SCOPES", min: 10, optional: 4 },
  { title: "USED", optional: 1 },
  { title: "ID" },
];

async function listKeys(given: ClientOptions & { limit: number }): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const { rows: keys, next_cursor } = await firstRows(async (at) => {
      const answer = await postrider.apiKeys.list(at);
      return { rows: answer.api_keys, next_cursor: answer.next_cursor };
    }, given.limit);
    if (given.json) {
      printJson({ api_keys: keys, next_cursor });
      return;
    }
    const nowMs = Date.now();
    printTable(
      columns,
      keys.map((key) => [
        stateCell(stateOf(key, nowMs)),
        key.name,
        key.prefix === null ? "" : `…${key.last4 ?? ""}`,
        key.scopes.join(" "),
        key.last_used_at === null ? "never" : ageOf(key.last_used_at, nowMs),
        key.id,
      ]),
    );
    const more = next_cursor === null ? "" : ` More follow: --limit ${given.limit * 2}.`;
    printNext(
      `${counted(keys.length, "API key")}.${more} Make one: postrider keys create --name <name> --scope read`,
    );
  });
}

function stateOf({ revoked_at, expires_at }: ApiKey, nowMs: number): Word {
  if (revoked_at !== null) return { word: "Revoked", tone: "idle" };
  if (expires_at !== null && Date.parse(expires_at) <= nowMs) {
    return { word: "Expired", tone: "idle" };
  }
  return { word: "Valid", tone: "ok" };
}

type CreateOptions = ClientOptions & { name: string; scope: Scope[]; expires?: number };

async function createKey(given: CreateOptions): Promise<void> {
  await withClient(given, async ({ postrider, connection }) => {
    const key = await postrider.apiKeys.create({
      name: given.name,
      scopes: given.scope,
      ...(connection.teamId === undefined ? {} : { team_ids: [connection.teamId] }),
      ...(given.expires === undefined ? {} : { expires_in_seconds: given.expires }),
    });
    if (given.json) {
      printJson(key);
      return;
    }
    const { expires_in_seconds: seconds } = key;
    printFields([
      ["API key", key.key],
      ["Name", `${printable(key.name)} (${key.id})`],
      ["Scopes", key.scopes.join(", ")],
      [
        "Expires",
        seconds === null
          ? "never"
          : clockOf(new Date(Date.now() + seconds * 1_000).toISOString(), 0),
      ],
    ]);
    printNext("It is shown this once: keep it now. Use it here: postrider login");
  });
}

async function revokeKey(
  idOrName: string,
  given: ClientOptions & { yes?: boolean },
): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const found: ApiKey[] = [];
    for await (const key of postrider.apiKeys.each()) {
      const isMeant = key.id === idOrName || key.name.toLowerCase() === idOrName.toLowerCase();
      if (isMeant && key.revoked_at === null) found.push(key);
    }
    const key = onlyKey(idOrName, found);
    const question = `Revoke the API key ${printable(key.name)} (${key.id}), which ends in ${key.last4}? Whoever uses it is refused from then on.`;
    if (!(await confirm(question, given))) {
      print("Nothing was done.");
      return;
    }
    await postrider.apiKeys.revoke(key.id);
    if (given.json) printJson({ id: key.id, revoked: true });
    else print(`${printable(key.name)} is revoked.`);
  });
}

function onlyKey(idOrName: string, [key, ...others]: readonly ApiKey[]): ApiKey {
  if (key === undefined) {
    throw new StartError(
      `There is no API key "${printable(idOrName)}" that is not revoked. See what there is, run: postrider keys list`,
    );
  }
  if (others.length === 0) return key;
  const lines = [key, ...others].map(
    ({ id, name, last4 }) => `  ${id}  ${printable(name)}  …${last4}`,
  );
  throw new StartError(
    [
      `"${printable(idOrName)}" could be ${lines.length} API keys. Give one of these ids instead:`,
      ...lines,
    ].join("\n"),
  );
}

function scopesOption(text: string, before?: Scope[] | string[]): string[] {
  const words = text.split(",");
  const unknown = words.find((word) => !scopes.some((scope) => scope === word));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`Allowed choices are ${scopes.join(", ")}.`);
  }
  return [...(before === defaultScopes ? [] : (before ?? [])), ...words];
}

/** Seconds from now. */
function lifetime(text: string): number {
  const [, count, unit = ""] = /^(\d{1,5})(m|h|d|w)$/.exec(text) ?? [];
  const seconds = Number(count) * ({ m: 60, h: 3_600, d: 86_400, w: 604_800 }[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError("a lifetime is written as 30m, 12h, 90d or 2w.");
}
