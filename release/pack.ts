import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { builtPackages, root } from "./build.ts";

const packDirectory = path.join(root, "dist");

/** Where `npm run pack` puts the tarballs, whatever their version. */
export const tarballs = {
  server: path.join(packDirectory, "postrider.tgz"),
  sdk: path.join(packDirectory, "postrider-sdk.tgz"),
} as const;

/** A tarball as npm describes it. */
export type Tarball = {
  name: string;
  version: string;
  file: string;
  bytes: number;
  unpackedBytes: number;
};

/** Packs what was built. */
export function packPackages(): Tarball[] {
  rmSync(packDirectory, { recursive: true, force: true });
  mkdirSync(packDirectory, { recursive: true });
  return Object.entries(builtPackages).map(([one, directory]) => {
    const answer = execFileSync("npm", ["pack", "--json", "--pack-destination", packDirectory], {
      cwd: directory,
      encoding: "utf8",
    });
    const { name, version, filename, size, unpackedSize } = JSON.parse(answer)[0];
    const file = tarballs[one as keyof typeof tarballs];
    renameSync(path.join(packDirectory, filename), file);
    return { name, version, file, bytes: size, unpackedBytes: unpackedSize };
  });
}
