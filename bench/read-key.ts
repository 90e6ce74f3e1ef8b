// The API key of a benchmark that reads lists.
import { newApiKey } from "../packages/server/src/api-keys.ts";
import { insertApiKey } from "../packages/server/src/db/api-keys.ts";
import type { Sql } from "../packages/server/src/db/sql.ts";
import { newId } from "../packages/server/src/ids.ts";

/** Makes a key that may read everything of the team; returns its text. */
export async function makeReadKey(sql: Sql, teamId: string): Promise<string> {
  const id = newId();
  const made = newApiKey("dev", id);
  await insertApiKey(sql, {
    id,
    name: "bench",
    secretSha256: made.secretSha256,
    teamIds: [teamId],
    scopes: ["read", "payload"],
    expiresInSeconds: null,
  });
  return made.text;
}
