import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { buildPackages, root } from "./build.ts";
import { closeUnreleased, unreleasedNotes } from "./changelog.ts";
import { packPackages, type Tarball } from "./pack.ts";
import { readVersion, requireVersion, writeVersion } from "./versions.ts";

/** Which version, and whether the tree and its history are left alone. */
export type ReleaseOptions = { version?: string; dryRun: boolean; day: string };

const changelogFile = path.join(root, "CHANGELOG.md");

/**
 * Makes a release in `dist/`: both tarballs, their SBOMs, the notes and the checksums. Publishes nothing.
 *
 * A dry run makes the same files, of the version that the tree has, and changes nothing in the tree. Otherwise the version and
 * the changelog are written, and the commands that are left for a person are printed.
 */
export async function release(options: ReleaseOptions): Promise<void> {
  const present = readVersion(root);
  const version = requireVersion(options.version ?? present);
  const changelog = readFileSync(changelogFile, "utf8");
  const notes = unreleasedNotes(changelog);
  const closed = closeUnreleased(changelog, version, options.day);

  if (options.dryRun) {
    if (version !== present) console.log(`would set the version from ${present} to ${version}`);
    console.log(`would put ${lines(notes)} lines of CHANGELOG.md under [${version}]`);
  } else {
    if (git("status", "--porcelain") !== "") throw new Error("the tree has changes; commit them");
    if (version !== present) setVersion(version);
    writeFileSync(changelogFile, closed);
  }

  await buildPackages();
  const tarballs = packPackages();
  const files = [...tarballs.map(({ file }) => file), ...tarballs.map(writeSbom)];
  files.push(written("NOTES.md", `${notes}\n`));
  files.push(written("SHA256SUMS", files.map(checksum).join("")));
  for (const file of files) console.log(path.relative(root, file));

  console.log(options.dryRun ? "A dry run. A release would leave:" : "Left to do:");
  console.log(commandsLeft(version, tarballs).join("\n"));
}

/** The version stands in the manifests, in the lock file, and in the description of the API with its types. */
function setVersion(version: string): void {
  writeVersion(root, version);
  npm("install", "--package-lock-only", "--no-audit", "--no-fund");
  npm("exec", "--", "tsx", "packages/server/scripts/write-openapi.ts");
}

/** What a package is made of, as CycloneDX. npm counts what is shared with development as development: nothing is omitted. */
function writeSbom({ name, file }: Tarball): string {
  const sbom = npm("sbom", "--sbom-format", "cyclonedx", "--workspace", name);
  return written(`${path.basename(file, ".tgz")}.cdx.json`, sbom);
}

const commandsLeft = (version: string, tarballs: readonly Tarball[]): string[] => [
  `  git commit -am "Release ${version}" && git tag v${version}`,
  ...tarballs.map(({ file }) => `  npm publish ${path.relative(root, file)} --access public`),
];

function written(name: string, text: string): string {
  const file = path.join(root, "dist", name);
  writeFileSync(file, text);
  return file;
}

function checksum(file: string): string {
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
  return `${digest}  ${path.basename(file)}\n`;
}

const lines = (text: string): number => text.split("\n").length;
const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
const npm = (...args: string[]): string => run("npm", args);
const git = (...args: string[]): string => run("git", args).trim();
