import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { packageOf, printNotices } from "./notices.ts";

/** What a bundle of Vite tells of its chunks, as far as it is used here. */
type Bundle = Record<string, { type: string; moduleIds?: string[] }>;
type Context = {
  emitFile(file: { type: "asset"; fileName: string; source: string }): void;
  getModuleIds(): Iterable<string>;
};

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * A plugin of Vite that puts licences.txt beside a bundle: the licences of the packages that the bundle's modules come from,
 * and of those of `copied`, files of packages that lie beside the bundle.
 *
 * Style sheets are not among the modules of the output: every one that was read counts, and what our own ones import.
 */
export function writeNoticesOf(application: string, copied: readonly string[] = []) {
  return {
    name: "postrider-licences",
    generateBundle(this: Context, _options: unknown, bundle: Bundle) {
      const modules = Object.values(bundle).flatMap(({ moduleIds = [] }) => moduleIds);
      const styles = [...this.getModuleIds()].map(fileOf).filter((file) => /\.css$/.test(file));
      const imported = styles
        .filter((file) => packageOf(file) === undefined)
        .flatMap(importedPackagesOf);
      const source = printNotices(
        `The scripts and styles of ${application} also hold these packages:`,
        root,
        [...modules.map(fileOf), ...styles, ...imported, ...copied],
      );
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

/** The file of a module; ids of modules that plugins make have a zero byte before it, and questions after it. */
const fileOf = (id: string): string => id.replace(/^\0+/, "").replace(/\?.*$/, "");

/** The manifests of the packages whose styles one of our style sheets takes in, such as `@import "tailwindcss"`. */
function importedPackagesOf(file: string): string[] {
  const names = readFileSync(file, "utf8").matchAll(/@import\s+"((?:@[\w-]+\/)?[\w-]+)["/]/g);
  return [...names].map(([, name]) => createRequire(file).resolve(`${name}/package.json`));
}
