import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Manifest } from "./manifest.ts";

const manifests = [
  "packages/server/package.json",
  "packages/sdk/package.json",
  "examples/package.json",
];

/** Requires a version such as `0.2.0` or `1.0.0-rc.1`. */
export function requireVersion(text: string): string {
  if (!/^\d+\.\d+\.\d+(?:-[0-9a-z]+(?:\.[0-9a-z]+)*)?$/.test(text)) {
    throw new Error(`${JSON.stringify(text)} is no version such as 0.2.0 or 1.0.0-rc.1`);
  }
  return text;
}

/** Reads the version that all packages share; throws when they differ. */
export function readVersion(root: string): string {
  const versions = new Set(manifests.map((file) => readManifest(root, file).version));
  const [version = "", ...others] = versions;
  if (others.length > 0) throw new Error(`the packages have versions ${[...versions].join(", ")}`);
  return requireVersion(version);
}

/** Writes a version into every package, and into what one package asks of another. */
export function writeVersion(root: string, version: string): void {
  for (const file of manifests) {
    const manifest = readManifest(root, file);
    const dependencies = Object.entries(manifest.dependencies ?? {}).map(([name, wanted]) => {
      return [name, name === "@postrider/sdk" ? version : wanted];
    });
    const next = {
      ...manifest,
      version,
      ...(manifest.dependencies && { dependencies: Object.fromEntries(dependencies) }),
    };
    writeFileSync(path.join(root, file), `${JSON.stringify(next, null, 2)}\n`);
  }
}

const readManifest = (root: string, file: string): Manifest =>
  JSON.parse(readFileSync(path.join(root, file), "utf8"));
