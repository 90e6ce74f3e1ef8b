import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  type ConnectionOptions,
  connectionOf,
  isThisMachine,
  type Places,
  profileFileOf,
  readProfile,
  saveProfile,
} from "../../../bin/cli/profile.ts";
import { readClientSettings } from "../../../src/config.ts";

/** A directory with or without a profile and a development key. */
function openWorld(
  given: { env?: Record<string, string>; profile?: object; devKey?: string } = {},
) {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-profile-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const places: Places = {
    settings: readClientSettings(given.env ?? {}),
    profileFile: path.join(directory, "config", "postrider", "profile.json"),
    keyFile: path.join(directory, "api-key"),
  };
  if (given.profile) {
    mkdirSync(path.dirname(places.profileFile), { recursive: true });
    writeFileSync(places.profileFile, JSON.stringify(given.profile));
  }
  if (given.devKey) writeFileSync(places.keyFile, `${given.devKey}\n`);
  const connect = (options: ConnectionOptions = {}) => connectionOf(options, places);
  return { places, connect };
}

const profile = { url: "https://hooks.example.com", api_key: "prk_profile", team_id: "team1" };

test("options win over the environment, the environment over the profile, the profile over the directory", () => {
  const env = { POSTRIDER_URL: "http://env.test", POSTRIDER_API_KEY: "prk_env" };
  const all = openWorld({ env, profile, devKey: "prk_dev" });
  expect(all.connect({ url: "http://option.test", key: "prk_option" })).toMatchObject({
    url: "http://option.test",
    apiKey: "prk_option",
    keyFrom: "--key",
  });
  expect(all.connect()).toMatchObject({
    url: "http://env.test",
    apiKey: "prk_env",
    keyFrom: "POSTRIDER_API_KEY",
  });
  const kept = openWorld({ profile, devKey: "prk_dev" });
  expect(kept.connect()).toEqual({
    url: profile.url,
    apiKey: "prk_profile",
    teamId: "team1",
    keyFrom: kept.places.profileFile,
  });
  const fresh = openWorld({ devKey: "prk_dev" });
  expect(fresh.connect()).toMatchObject({ url: "http://127.0.0.1:8080", apiKey: "prk_dev" });
});

test("the profile's key goes to the profile's service alone", () => {
  const { connect } = openWorld({ profile });
  expect(connect({ url: "https://hooks.example.com/" }).apiKey).toBe("prk_profile");
  expect(() => connect({ url: "https://elsewhere.example.com" })).toThrow(
    /no API key for https:\/\/elsewhere\.example\.com.+run: postrider login --url https:\/\/elsewhere/,
  );
  expect(() => openWorld({ profile, env: { POSTRIDER_URL: "http://env.test" } }).connect()).toThrow(
    /no API key for http:\/\/env\.test/,
  );
});

test("the key of a development directory goes to this machine alone", () => {
  const { connect } = openWorld({ devKey: "prk_dev" });
  expect(connect({ url: "http://localhost:9000" }).apiKey).toBe("prk_dev");
  expect(() => connect({ url: "https://hooks.example.com" })).toThrow(/no API key/);
  expect(isThisMachine("http://127.0.0.1.example.com")).toBe(false);
  expect(isThisMachine("http://[::1]:8080")).toBe(true);
});

test("an empty variable counts as not given", () => {
  const { connect } = openWorld({ env: { POSTRIDER_URL: " ", POSTRIDER_API_KEY: "" }, profile });
  expect(connect()).toMatchObject({ url: profile.url, apiKey: "prk_profile" });
});

test("a profile that is broken says how to write it anew, and is of no matter to who gives everything", () => {
  const { places, connect } = openWorld({ profile: { url: 1 } });
  expect(() => connect()).toThrow(/holds no profile.+run: postrider login/);
  writeFileSync(places.profileFile, "{");
  expect(() => connect()).toThrow(/holds no profile/);
  expect(connect({ url: "http://a.test", key: "prk_a" }).apiKey).toBe("prk_a");
});

test("a login is kept where nobody else can read it, also over a file that others could", () => {
  const { places } = openWorld({ profile });
  chmodSync(places.profileFile, 0o644);
  chmodSync(path.dirname(places.profileFile), 0o755);
  saveProfile(places.profileFile, { url: "http://a.test", apiKey: "prk_a" });
  expect(statSync(places.profileFile).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(places.profileFile)).mode & 0o777).toBe(0o700);
  expect(readProfile(places.profileFile)).toEqual({ url: "http://a.test", apiKey: "prk_a" });
  expect(JSON.parse(readFileSync(places.profileFile, "utf8"))).toEqual({
    url: "http://a.test",
    api_key: "prk_a",
  });
});

test("the profile lies below XDG_CONFIG_HOME, or below ~/.config where that is no whole path", () => {
  const fallback = path.join(homedir(), ".config", "postrider", "profile.json");
  expect(profileFileOf({ configHome: "/x" })).toBe("/x/postrider/profile.json");
  expect(profileFileOf({ configHome: "relative" })).toBe(fallback);
  expect(profileFileOf({ configHome: undefined })).toBe(fallback);
});
