// A history on a PostgreSQL of its own, made once and kept if somebody asks for it: making millions of rows takes minutes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { migrate } from "../packages/server/src/db/migrate.ts";
import { openEmbeddedPostgres } from "../packages/server/src/embedded-postgres/open.ts";
import { generateHistory, type History } from "./generate-history.ts";
import type { World } from "./world.ts";

/** A history that is there, and the database that holds it. */
export type OpenHistory = { url: string; history: History; generatedInSeconds: number };

/** Makes the history, or takes up the one that was kept in the directory `data`; empty: it is not kept. */
export async function openHistory(
  world: World,
  given: { rows: number; data: string; buffers: string; say: (line: string) => void },
): Promise<OpenHistory> {
  const directory = given.data === "" ? world.directory : path.resolve(given.data);
  mkdirSync(directory, { recursive: true });
  given.say("starting PostgreSQL …");
  const postgres = world.own(
    await openEmbeddedPostgres({
      dataDirectory: path.join(directory, "postgres"),
      settings: { shared_buffers: given.buffers },
    }),
  );
  await migrate(postgres.url);
  const file = path.join(directory, "history.json");
  if (existsSync(file)) {
    const history = JSON.parse(readFileSync(file, "utf8")) as History;
    return { url: postgres.url, history, generatedInSeconds: 0 };
  }
  const startedAt = performance.now();
  given.say(`making ${given.rows} deliveries …`);
  const history = await generateHistory(postgres.url, given.rows, given.say);
  const generatedInSeconds = Math.round((performance.now() - startedAt) / 1000);
  given.say(`made in ${generatedInSeconds} s`);
  writeFileSync(file, JSON.stringify(history));
  return { url: postgres.url, history, generatedInSeconds };
}
