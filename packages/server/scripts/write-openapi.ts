import { writeFile } from "node:fs/promises";
import { openDescribedApp } from "../test/support/described-app.ts";

// Run after adding or changing a route: npx tsx packages/server/scripts/write-openapi.ts
const file = new URL("../openapi.json", import.meta.url);
const app = await openDescribedApp();
const answer = await app.inject({ method: "GET", url: "/openapi.json" });
// Patterns hold characters that no editor shows, or shows as they are: in the file each is written as its code.
const printed = JSON.stringify(answer.json(), null, 2).replaceAll(
  /[^\n \p{L}\p{N}\p{P}\p{S}]/gu,
  (character) => character.split("").map(coded).join(""),
);
await writeFile(file, `${printed}\n`);
await app.close();
console.log(`wrote ${file.pathname}`);

function coded(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
