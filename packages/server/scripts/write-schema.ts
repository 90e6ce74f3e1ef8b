import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { migrate } from "../src/db/migrate.ts";
import { openDatabase } from "../src/db/pool.ts";
import { dumpSchema } from "../src/db/schema-dump.ts";
import { openEmbeddedPostgres } from "../src/embedded-postgres/open.ts";

// Run after adding a migration: npx tsx packages/server/scripts/write-schema.ts
const file = new URL("../schema.sql", import.meta.url);
const directory = mkdtempSync(path.join(tmpdir(), "postrider-schema-"));
const postgres = await openEmbeddedPostgres({ dataDirectory: path.join(directory, "postgres") });
try {
  await migrate(postgres.url);
  const database = openDatabase({
    url: postgres.url,
    name: "schema",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs: 30_000,
    onError: (error) => console.error(error.message),
  });
  const head =
    "-- What the migrations come to. Written by scripts/write-schema.ts; a test compares it.\n\n";
  await writeFile(file, head + (await dumpSchema(database.sql)));
  await database.close();
  console.log(`wrote ${file.pathname}`);
} finally {
  await postgres.close();
  rmSync(directory, { recursive: true, force: true });
}
