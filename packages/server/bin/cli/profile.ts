import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { type ClientSettings, ConfigError, readClientSettings } from "../../src/config.ts";

/** A service's URL, the API key, and the team. */
export type Connection = {
  url: string;
  apiKey: string;
  teamId?: string;
  /** Where the API key was found, for a sentence about it. */
  keyFrom: string;
};

/** The values that a login stores. */
export type Profile = { url: string; apiKey: string; teamId?: string };

/** The options of a command that select the service. */
export type ConnectionOptions = { url?: string; key?: string; team?: string };

/** The sources of a connection besides the options. */
export type Places = {
  settings: ClientSettings;
  profileFile: string;
  /** The key file of a development service in this directory. */
  keyFile: string;
};

/** Where a service in development mode listens. */
export const developmentUrl = "http://127.0.0.1:8080";

/** The file of a data directory with the API key from its first start. */
export const keyFile = (dataDirectory: string): string => path.join(dataDirectory, "api-key");

/** The places of this process. */
export function placesHere(): Places {
  const settings = readClientSettings();
  return { settings, profileFile: profileFileOf(settings), keyFile: keyFile(".postrider") };
}

/** The profile's file: below XDG_CONFIG_HOME if that is an absolute path, otherwise below ~/.config. */
export function profileFileOf({ configHome }: Pick<ClientSettings, "configHome">): string {
  const home =
    configHome !== undefined && path.isAbsolute(configHome)
      ? configHome
      : path.join(homedir(), ".config");
  return path.join(home, "postrider", "profile.json");
}

/** Reads the profile; undefined when there is none. */
export function readProfile(file: string): Profile | undefined {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  const { url, api_key: apiKey, team_id: teamId } = parseObject(text) ?? {};
  if (typeof url !== "string" || typeof apiKey !== "string") {
    throw new ConfigError(
      `${file} holds no profile: it must be a JSON object with url and api_key. Write it anew, run: postrider login`,
    );
  }
  return { url, apiKey, ...(typeof teamId === "string" ? { teamId } : {}) };
}

/** Stores a profile for later commands, in a file that only its owner can read. */
export function saveProfile(file: string, { url, apiKey, teamId }: Profile): void {
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const text = JSON.stringify({ url, api_key: apiKey, team_id: teamId }, null, 2);
  // Written beside it and renamed: the file is never incomplete, and never readable by others.
  const beside = `${file}.${process.pid}`;
  writeFileSync(beside, `${text}\n`, { mode: 0o600 });
  renameSync(beside, file);
}

/**
 * Finds the service's URL and the API key: from options, then the environment, then the profile, then the key file of a
 * development service in this directory. Throws a ConfigError that says what to type.
 *
 * A key is sent only to its own service: the profile's key only to the profile's URL, and the directory's key only to
 * this machine.
 */
export function connectionOf(
  options: ConnectionOptions,
  places: Places = placesHere(),
): Connection {
  const { settings } = places;
  const givenKey = options.key ?? settings.apiKey;
  const givenUrl = options.url ?? settings.url;
  // A broken profile is ignored if the options give everything.
  const profile =
    givenKey !== undefined && givenUrl !== undefined ? undefined : readProfile(places.profileFile);
  const url = givenUrl ?? profile?.url ?? developmentUrl;
  const found =
    keyGiven(options, settings) ??
    (profile !== undefined && isSameService(profile.url, url)
      ? { apiKey: profile.apiKey, keyFrom: places.profileFile }
      : keyOfDirectory(url, places.keyFile));
  if (found === undefined) throw noKey(url);
  const teamId =
    options.team ??
    (profile !== undefined && found.apiKey === profile.apiKey ? profile.teamId : undefined);
  return { url, ...found, ...(teamId === undefined ? {} : { teamId }) };
}

type Found = Pick<Connection, "apiKey" | "keyFrom">;

function keyGiven({ key }: ConnectionOptions, { apiKey }: ClientSettings): Found | undefined {
  if (key !== undefined) return { apiKey: key, keyFrom: "--key" };
  return apiKey === undefined ? undefined : { apiKey, keyFrom: "POSTRIDER_API_KEY" };
}

function keyOfDirectory(url: string, file: string): Found | undefined {
  if (!isThisMachine(url)) return undefined;
  const apiKey = readIfThere(file)?.trim();
  return apiKey ? { apiKey, keyFrom: file } : undefined;
}

function noKey(url: string): ConfigError {
  return new ConfigError(
    `There is no API key for ${withoutPassword(url)}. Give one with --key or POSTRIDER_API_KEY, or keep one, run: postrider login --url ${withoutPassword(url)}`,
  );
}

/** Says whether two URLs belong to the same service. */
export function isSameService(one: string, other: string): boolean {
  const whole = (text: string) =>
    URL.canParse(text) ? new URL(text).href.replace(/\/+$/, "") : text;
  return whole(one) === whole(other);
}

/** Says whether a URL leads to this machine. */
export function isThisMachine(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d+){3}$/.test(host);
}

/** A URL without its password, for output. */
export const withoutPassword = (url: string): string => url.replace(/\/\/[^/@]*@/, "//");

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
