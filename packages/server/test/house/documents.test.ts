import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { imageFile, screenshots } from "../../../site/src/screenshots.ts";
import { openProgram } from "../../bin/program.ts";
import { ownConnections } from "../../src/config.ts";
import { readText, root } from "./sources.ts";

/** Everything that tells people what to type or to call. */
const pages = [
  ...filesIn(".", [".md"]),
  ...filesIn("docs", [".md"]),
  ...filesIn("docs/adr", [".md"]),
  ...filesIn("docs/explanation", [".md"]),
  ...filesIn("docs/how-to", [".md"]),
  ...filesIn("docs/tutorial", [".md"]),
  ...filesIn("docs/samples", [".py", ".ts"]),
  ...filesIn("examples", [".ts"]),
  ...filesIn("packages/sdk", [".md"]),
  ...filesIn("packages/server", [".md"]),
  ...filesIn("packages/server/bin", [".ts"]),
  ...filesIn("packages/server/bin/cli", [".ts"]),
].sort();

function filesIn(directory: string, endings: readonly string[]): string[] {
  return readdirSync(path.join(root, directory))
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => path.join(directory, name));
}

type Named = { page: string; text: string };

const routes = Object.entries(
  JSON.parse(readText("packages/server/openapi.json")).paths as Record<string, object>,
).flatMap(([route, methods]) =>
  Object.keys(methods).map((method) => ({ method: method.toUpperCase(), parts: partsOf(route) })),
);

function partsOf(route: string): string[] {
  return route.split("/").filter((part) => part !== "");
}

/** A path as a document writes it: `…/` stands for what comes before, and any part may stand for an id. */
function names(route: { parts: string[] }, written: string): boolean {
  const short = written.startsWith("…");
  const parts = partsOf(written.replace(/^…/, ""));
  const own = short ? route.parts.slice(-parts.length) : route.parts;
  return (
    own.length === parts.length &&
    own.every((part, index) => part === parts[index] || part.startsWith("{"))
  );
}

const beginnings = "(?:/workflows/v1|/webhooks|/assistants/v1|/calls/v1|/v1)";
/** What a URL of ours looks like in prose, in a table, in code and behind `curl`. */
const written = new RegExp(
  `(?:\\b(GET|POST|PUT|PATCH|DELETE) )?[\`"' ]?(?:https?://[\\w.:-]+)?((?:…|(?<![\\w./}])${beginnings})(?:/[\\w{}…$.<>-]+)+)`,
  "g",
);

function routesNamed(page: string): (Named & { method: string | undefined; route: string })[] {
  return [...readText(page).matchAll(written)].map(([text, method, route = ""]) => ({
    page,
    text,
    method,
    route: route.replace(/\.+$/, "").replace(/\$\{[^}]*\}/g, "{id}"),
  }));
}

test("every route that a document names exists, with the method it is named with", () => {
  const named = pages.flatMap(routesNamed);
  expect(named.length).toBeGreaterThan(60);
  const missing = named.filter(
    ({ method, route }) =>
      !routes.some((one) => names(one, route) && (method === undefined || one.method === method)),
  );
  expect(missing.map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
});

const program = openProgram();

/** The command that these words begin with; the program itself where they name none. */
function commandOf(words: readonly string[], at: Command = program): Command {
  const next = at.commands.find((one) => one.name() === words[0]);
  return next === undefined ? at : commandOf(words.slice(1), next);
}

/** What else is called so: connections in pg_stat_activity, and the first words of log lines. */
const noCommands = new Set(["api", "lists", ...Object.keys(ownConnections), "is", "listens"]);

test("every command that a document names exists, with the options it is named with", () => {
  const named = pages.flatMap((page) =>
    [
      ...readText(page).matchAll(/(?:`|npx |^|exec |run: )postrider ([a-z][\w-]*)([^`\n;#|]*)/gm),
    ].map(([text, command = "", rest = ""]) => ({ page, text, command, rest })),
  );
  expect(named.length).toBeGreaterThan(15);
  const wrong = named.filter(({ command, rest }) => {
    const found = commandOf([command, ...rest.trim().split(/\s+/)]);
    if (found === program) return !noCommands.has(command);
    const options = ["--help", ...optionsOf(found)];
    return [...rest.matchAll(/(?<=\s)--[\w-]+/g)].some(([option]) => !options.includes(option));
  });
  expect(wrong.map(({ page, text }) => `${page}: ${text.trim()}`)).toEqual([]);
});

/** The options of a command and of what stands below it, for a document that speaks of all of them. */
const optionsOf = (command: Command): string[] => [
  ...command.options.map(({ long }) => long ?? ""),
  ...command.commands.flatMap(optionsOf),
];

test("a picture that a page shows exists, and one from the browser tests is taken by them and shown", () => {
  const shown = pages
    .filter((page) => page.endsWith(".md"))
    .flatMap((page) =>
      [...readText(page).matchAll(/!\[[^\]]+\]\(([^):]+)\)/g)].map(([, image = ""]) =>
        path.resolve(root, path.dirname(page), image),
      ),
    );
  expect(shown.length).toBeGreaterThan(0);
  expect(shown.filter((image) => !existsSync(image))).toEqual([]);
  const taken = readText("packages/dashboard/test/browser/accessible.test.ts");
  for (const one of screenshots) {
    expect(taken).toMatch(new RegExp(`^ +"?${one.page}"?: ["\`]/`, "m"));
    expect(shown).toContain(imageFile(one));
  }
});
