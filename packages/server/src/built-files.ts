import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { packageFile } from "./package-file.ts";

const fromPackage = (name: string): string => fileURLToPath(packageFile(name));

/** The files of a built application by their paths, such as `assets/index-1a2b3c4d.js`. */
export type BuiltFiles = ReadonlyMap<string, Buffer>;

/** An application for browsers: a folder beside the bundle in a package, a package of its own in a checkout. */
export type Application = "dashboard" | "site";

/** Reads a built application of this package or checkout; undefined when it is not built. */
export function readApplication(name: Application): BuiltFiles | undefined {
  const shipped = readBuilt(fromPackage(name));
  return shipped ?? (isCheckout(name) ? readBuilt(path.join(sources(name), "dist")) : undefined);
}

/** The root of a checkout that has an application's sources and has not built them; undefined otherwise. */
export function unbuiltCheckout(name: Application): string | undefined {
  return isCheckout(name) && readApplication(name) === undefined
    ? fromPackage("../../")
    : undefined;
}

/** Reads the built files of a directory; undefined when it has no index.html. */
export function readBuilt(directory: string): BuiltFiles | undefined {
  if (!existsSync(path.join(directory, "index.html"))) return undefined;
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    // Symbolic links are not followed.
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => [path.relative(directory, file).split(path.sep).join("/"), file] as const)
    // Hidden files are left out.
    .filter(([name]) => !/(?:^|\/)\./.test(name));
  return new Map(files.map(([name, file]) => [name, readFileSync(file)]));
}

/** The sources of an application. Beside an installed package, there may be another package with this name. */
const sources = (name: Application): string => fromPackage(`../${name}`);

function isCheckout(name: Application): boolean {
  const manifest = path.join(sources(name), "package.json");
  return (
    existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === `@postrider/${name}`
  );
}
