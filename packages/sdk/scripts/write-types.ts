import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { eventsOf } from "./events-of.ts";
import { type OpenApi, typesOf } from "./types-of.ts";

// Run after openapi.json has changed: npx tsx packages/sdk/scripts/write-types.ts
// With --check it writes nothing and ends with 1 when a file is stale.
const source = new URL("../../server/openapi.json", import.meta.url);
const document = JSON.parse(readFileSync(source, "utf8")) as OpenApi;

for (const [name, text] of [
  ["api.gen.ts", typesOf(document)],
  ["events.gen.ts", eventsOf(document)],
] as const) {
  const target = fileURLToPath(new URL(`../src/${name}`, import.meta.url));
  const formatted = format(text, target);
  if (!process.argv.includes("--check")) {
    writeFileSync(target, formatted);
    console.log(`wrote ${target}`);
  } else if (read(target) !== formatted) {
    console.error(`${target} is stale: run npx tsx packages/sdk/scripts/write-types.ts`);
    process.exitCode = 1;
  }
}

/** Formats as the whole repository is formatted, so that its check does not complain about these files. */
function format(source: string, target: string): string {
  const biome = createRequire(import.meta.url).resolve("@biomejs/biome/bin/biome");
  const run = spawnSync(process.execPath, [biome, "format", `--stdin-file-path=${target}`], {
    cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    input: source,
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`biome could not format the types: ${run.stderr}`);
  return run.stdout;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
