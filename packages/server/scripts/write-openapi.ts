import { writeFile } from "node:fs/promises";
import { openDescribedApp } from "../test/support/described-app.ts";

// Run after adding or changing a route: npx tsx packages/server/scripts/write-openapi.ts
const file = new URL("../openapi.json", import.meta.url);
const app = await openDescribedApp();
const answer = await app.inject({ method: "GET", url: "/openapi.json" });
await writeFile(file, `${JSON.stringify(answer.json(), null, 2)}\n`);
await app.close();
console.log(`wrote ${file.pathname}`);
