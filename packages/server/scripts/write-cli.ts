import { readFileSync, writeFileSync } from "node:fs";
import { openProgram } from "../bin/program.ts";
import { commandTables, referenceHeading } from "../test/docs/cli-reference.ts";

// Run after adding or changing a command or an option: npx tsx packages/server/scripts/write-cli.ts
const file = new URL("../../../docs/cli.md", import.meta.url);
const [before = ""] = readFileSync(file, "utf8").split(referenceHeading);
writeFileSync(file, `${before}${referenceHeading}\n${commandTables(openProgram())}`);
console.log(`wrote ${file.pathname}`);
