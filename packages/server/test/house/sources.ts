import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Source } from "./rules.ts";

/** The root of the repository. */
export const root = path.resolve(import.meta.dirname, "../../../..");

/** Reads a text of the repository by its path from the root. */
export const readText = (file: string): string => readFileSync(path.join(root, file), "utf8");

/** Lists every file below the given folder of each package, by its path from packages/. */
export function listFiles(...folders: string[]): string[] {
  const packages = path.join(root, "packages");
  return readdirSync(packages)
    .flatMap((name) => folders.map((folder) => path.join(name, folder)))
    .flatMap((folder) => filesIn(packages, folder))
    .sort();
}

function filesIn(base: string, folder: string): string[] {
  try {
    return readdirSync(path.join(base, folder), { withFileTypes: true }).flatMap((entry) => {
      const file = path.posix.join(folder, entry.name);
      return entry.isDirectory() ? filesIn(base, file) : [file];
    });
  } catch (error) {
    // Not every package has every folder.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Reads the TypeScript files below the given folder of each package. */
export const readSources = (...folders: string[]): Source[] =>
  listFiles(...folders)
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => ({ file, text: readText(path.join("packages", file)) }));

/** Reads the TypeScript files of the examples, which stand beside the packages. */
export const readExamples = (): Source[] =>
  filesIn(root, "examples")
    .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
    .map((file) => ({ file, text: readText(file) }));
