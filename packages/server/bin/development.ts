import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { newApiKey, parseApiKey, scopes } from "../src/api-keys.ts";
import type { Config } from "../src/config.ts";
import { bootstrapKeyId, findApiKeyOfAnyTeam, insertApiKey } from "../src/db/api-keys.ts";
import type { Database } from "../src/db/pool.ts";
import { insertLoginLink } from "../src/db/sessions.ts";
import { defaultTeamId } from "../src/db/teams.ts";
import { newId } from "../src/ids.ts";
import { newToken } from "../src/session-tokens.ts";
import { keyFile } from "./cli/profile.ts";

/** The keys that seal secrets: the given ones, or the data directory's own, which the first start creates. */
export function developmentSecrets(config: Config): { encryptionKeys: readonly Buffer[] } {
  if (config.encryptionKeys.length > 0) return { encryptionKeys: config.encryptionKeys };
  const file = path.join(config.dataDirectory, "encryption-key");
  const text = readIfThere(file) ?? writePrivate(file, randomBytes(32).toString("hex"));
  return { encryptionKeys: [Buffer.from(text, "hex")] };
}

/** The stored key of a data directory, if there is one. */
export function encryptionKeysIfThere(dataDirectory: string): readonly Buffer[] {
  const text = readIfThere(path.join(dataDirectory, "encryption-key"));
  return text === undefined ? [] : [Buffer.from(text, "hex")];
}

/** The API key of the default team: the given one, or one that the first start creates and stores in a private file. */
export async function ensureDevelopmentKey(config: Config, database: Database): Promise<string> {
  if (config.bootstrapApiKey) return config.bootstrapApiKey;
  const file = keyFile(config.dataDirectory);
  const kept = readIfThere(file);
  const keptId = kept && parseApiKey(kept)?.id;
  // A stored key is not valid for a new database.
  if (kept && keptId && (await findApiKeyOfAnyTeam(database.sql, keptId))) return kept;

  const id = newId();
  const key = newApiKey("dev", id);
  await insertApiKey(database.sql, {
    id,
    name: "development",
    secretSha256: key.secretSha256,
    prefix: key.prefix,
    last4: key.last4,
    teamIds: [defaultTeamId],
    scopes,
    expiresInSeconds: null,
  });
  return writePrivate(file, key.text);
}

/** Makes a link to the dashboard that signs in once, within ten minutes, as the development key. */
export async function makeLoginLink(
  { bootstrapApiKey, publicUrl }: Config,
  { database, url }: { database: Database; url: string },
  apiKey: string,
): Promise<string> {
  const apiKeyId = bootstrapApiKey ? bootstrapKeyId : (parseApiKey(apiKey)?.id ?? "");
  const { text, sha256 } = newToken("login");
  await insertLoginLink(database.sql, { apiKeyId, tokenSha256: sha256 });
  return `${publicUrl ?? url}/dashboard/#login=${text}`;
}

/** Whether commands in this directory find the development key by themselves. */
export const isFoundHere = ({ bootstrapApiKey, dataDirectory }: Config): boolean =>
  bootstrapApiKey === undefined && dataDirectory === path.resolve(".postrider");

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function writePrivate(file: string, text: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return text;
}
