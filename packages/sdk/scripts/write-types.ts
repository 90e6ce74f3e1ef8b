import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { typesOf } from "./types-of.ts";

// Run after openapi.json has changed: npx tsx packages/sdk/scripts/write-types.ts
// With --check it writes nothing and ends with 1 when the file is stale.
const document = new URL("../../server/openapi.json", import.meta.url);
const target = fileURLToPath(new URL("../src/api.gen.ts", import.meta.url));

const text = format(typesOf(JSON.parse(readFileSync(document, "utf8"))));

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
  console.log(`wrote ${target}`);
} else if (read(target) !== text) {
  console.error(`${target} is stale: run npx tsx packages/sdk/scripts/write-types.ts`);
  process.exitCode = 1;
}

/** Formats as the whole repository is formatted, so that its check does not complain about this file. */
function format(source: string): string {
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
