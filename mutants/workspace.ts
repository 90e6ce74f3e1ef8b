import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** The root of the repository. */
export const root = path.resolve(import.meta.dirname, "..");

/** Lists the files of the repository: those that git knows, and new ones that it does not ignore. */
export function listFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
    cwd: root,
  });
  const files = listed.toString().split("\0");
  return [...new Set(files)].filter((file) => file && existsSync(path.join(root, file))).sort();
}

/** A copy of the repository in which things may be broken. */
export type Workspace = {
  directory: string;
  read(file: string): string;
  write(file: string, text: string): void;
  remove(): void;
};

/**
 * Copies files of a repository; faults are only ever put into the copy.
 *
 * Packages are linked to those that are installed, but for our own: these must resolve to the copy.
 */
export function openWorkspace(files: readonly string[], from = root): Workspace {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), "postrider-mutants-")));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once("exit", remove);
  for (const file of files) cpSync(path.join(from, file), path.join(directory, file));
  const packages = path.join(directory, "node_modules");
  mkdirSync(path.join(packages, "@postrider"), { recursive: true });
  const installed = path.join(root, "node_modules");
  const own = {
    postrider: "packages/server",
    "@postrider/sdk": "packages/sdk",
    "@postrider/examples": "examples",
  };
  for (const name of readdirSync(installed)) {
    if (name === "@postrider" || name in own || name.startsWith(".")) continue;
    symlinkSync(path.join(installed, name), path.join(packages, name));
  }
  for (const [name, folder] of Object.entries(own)) {
    symlinkSync(path.join(directory, folder), path.join(packages, name));
  }
  return {
    directory,
    read: (file) => readFileSync(path.join(directory, file), "utf8"),
    write: (file, text) => writeFileSync(path.join(directory, file), text),
    remove() {
      process.off("exit", remove);
      remove();
    },
  };
}
