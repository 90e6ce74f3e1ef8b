import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const migrations = "packages/server/src/db/migrations";

/** A former state of this repository, from before the newest migrations. */
export type OldVersion = { commit: string; lacks: string[] };

/** Commits that changed migrations, newest first, that are looked at. */
const commitsMax = 50;

/**
 * Finds the last commit that had fewer migrations than this tree, all of them as they are here; a string says why there
 * is none. No version has been tagged yet: it stands for the version before.
 *
 * A branch may have had other numbers for its migrations before it was merged: its commits are passed over.
 */
export function findOldVersion(): OldVersion | string {
  try {
    if (git("rev-parse", "--is-shallow-repository") === "true") return "the clone is shallow";
    const here = filesOf("HEAD");
    const changed = git("log", "--format=%H", "-n", String(commitsMax), "--", migrations);
    for (const change of changed.split("\n").filter((line) => line !== "")) {
      const commit = git("rev-parse", `${change}^`);
      const had = filesOf(commit);
      if (had.size === here.size || [...had].some((file) => !here.has(file))) continue;
      const names = new Set([...had].map((file) => path.basename(file)));
      const all = readdirSync(path.join(root, migrations));
      return { commit, lacks: all.filter((file) => !names.has(file)) };
    }
    return "the history knows no migration";
  } catch (error) {
    return `there is no history: ${(error as Error).message.split("\n")[0]}`;
  }
}

/** The migrations of a commit, each with its content's hash. */
const filesOf = (commit: string): Set<string> =>
  new Set(git("ls-tree", commit, `${migrations}/`).split("\n"));

/** Writes an old version's server into a directory; returns its program. It runs with the packages of this tree. */
export function layOut({ commit }: OldVersion, directory: string): string {
  const archive = path.join(directory, "old.tar");
  const parts = ["package.json", "packages/server", "packages/sdk"];
  git("archive", "--output", archive, commit, ...parts);
  execFileSync("tar", ["-xf", archive, "-C", directory]);

  const installed = path.join(root, "node_modules");
  const own = path.join(directory, "node_modules");
  mkdirSync(path.join(own, "@postrider"), { recursive: true });
  symlinkSync(path.join(directory, "packages/sdk"), path.join(own, "@postrider/sdk"));
  for (const name of readdirSync(installed)) {
    if (name === "@postrider" || name === "postrider") continue;
    symlinkSync(path.join(installed, name), path.join(own, name));
  }
  return path.join(directory, "packages/server/bin/postrider.js");
}

function git(...args: string[]): string {
  return execFileSync("git", ["-C", root, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
