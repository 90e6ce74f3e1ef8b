import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { packageFile } from "./package-file.ts";

const fromPackage = (name: string): string => fileURLToPath(packageFile(name));

/** Where a package has it, beside its bundle. */
const shipped = fromPackage("dashboard");
/** Its own package in a checkout; beside an installed package there can be anybody's of that name. */
const sources = fromPackage("../dashboard");

/** The files of a built application by their paths, such as `assets/index-1a2b3c4d.js`. */
export type BuiltFiles = ReadonlyMap<string, Buffer>;

/** Reads the built dashboard of this package or checkout; undefined when it is not built. */
export function readBuiltDashboard(): BuiltFiles | undefined {
  return readBuilt(shipped) ?? (isCheckout() ? readBuilt(path.join(sources, "dist")) : undefined);
}

/** The root of a checkout that has the dashboard's sources and has not built them; undefined otherwise. */
export function unbuiltCheckout(): string | undefined {
  return isCheckout() && readBuiltDashboard() === undefined ? fromPackage("../../") : undefined;
}

/** Reads what was built into a directory; undefined when it has no index.html. */
export function readBuilt(directory: string): BuiltFiles | undefined {
  if (!existsSync(path.join(directory, "index.html"))) return undefined;
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    // Not what a link leads to.
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => [path.relative(directory, file).split(path.sep).join("/"), file] as const)
    // Nothing that is hidden.
    .filter(([name]) => !/(?:^|\/)\./.test(name));
  return new Map(files.map(([name, file]) => [name, readFileSync(file)]));
}

function isCheckout(): boolean {
  const manifest = path.join(sources, "package.json");
  return (
    existsSync(manifest) &&
    JSON.parse(readFileSync(manifest, "utf8")).name === "@postrider/dashboard"
  );
}
