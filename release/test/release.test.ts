import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { builtPackages, root } from "../build.ts";
import { closeUnreleased, unreleasedNotes } from "../changelog.ts";
import { release } from "../release.ts";
import { readVersion, requireVersion, writeVersion } from "../versions.ts";
import { emptyFolder, runIn, write } from "./folder.ts";

const changelog = `# Changelog

## [Unreleased]

### Added

- One thing.

## [0.1.0] - 2026-01-01

- Another.
`;

test("a release takes what is unreleased, and leaves an empty section above it", () => {
  expect(unreleasedNotes(changelog)).toBe("### Added\n\n- One thing.");
  const closed = closeUnreleased(changelog, "0.2.0", "2026-02-03");
  expect(closed).toContain(
    "## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n### Added\n\n- One thing.",
  );
  expect(() => unreleasedNotes(closed)).toThrow("lists nothing");
  expect(() => closeUnreleased(changelog, "0.1.0", "2026-02-03")).toThrow("0.1.0 already");
});

test("a version is written to every package and to what one asks of another", () => {
  const folder = emptyFolder();
  const manifest = (name: string, more: object = {}) =>
    JSON.stringify({ name, version: "0.1.0", ...more });
  for (const one of ["packages/server", "packages/sdk", "examples"]) {
    mkdirSync(path.join(folder, one), { recursive: true });
  }
  const dependencies = { "@postrider/sdk": "0.1.0", bullmq: "5.0.0" };
  write(folder, {
    "packages/server/package.json": manifest("postrider"),
    "packages/sdk/package.json": manifest("@postrider/sdk"),
    "examples/package.json": manifest("@postrider/examples", { dependencies }),
  });
  writeVersion(folder, "0.2.0");
  expect(readVersion(folder)).toBe("0.2.0");
  const examples = JSON.parse(readFileSync(path.join(folder, "examples/package.json"), "utf8"));
  expect(examples.dependencies).toEqual({ "@postrider/sdk": "0.2.0", bullmq: "5.0.0" });

  write(folder, { "packages/sdk/package.json": manifest("@postrider/sdk") });
  expect(() => readVersion(folder)).toThrow("the packages have versions 0.2.0, 0.1.0");
});

test.each(["0.2", "v0.2.0", "0.2.0 ", "latest", ""])("%j is no version", (text) => {
  expect(() => requireVersion(text)).toThrow("is no version");
});

test("a dry run makes every file of a release, and changes nothing in the tree", async () => {
  const tree = async () => (await runIn(root, "git", "status", "--porcelain")).stdout;
  const before = await tree();
  await release({ dryRun: true, day: "2026-02-03" });
  expect(await tree()).toBe(before);

  const read = (name: string) => readFileSync(path.join(root, "dist", name));
  const sums = read("SHA256SUMS").toString().trim().split("\n");
  expect(sums.map((line) => line.split("  ")[1])).toEqual([
    "postrider.tgz",
    "postrider-sdk.tgz",
    "postrider.cdx.json",
    "postrider-sdk.cdx.json",
    "NOTES.md",
  ]);
  for (const line of sums) {
    const [digest, name = ""] = line.split("  ");
    expect(createHash("sha256").update(read(name)).digest("hex"), name).toBe(digest);
  }
});

test("the SBOM names every package that the bundle holds", async () => {
  await release({ dryRun: true, day: "2026-02-03" });
  const sbom = JSON.parse(readFileSync(path.join(root, "dist/postrider.cdx.json"), "utf8"));
  const named = sbom.components.map(({ purl }: { purl: string }) => decodeURIComponent(purl));
  const licences = readFileSync(path.join(builtPackages.server, "LICENSES.txt"), "utf8");
  const bundled = [...licences.matchAll(/^-{80}\n(\S+) (\S+) \(/gm)].map(
    ([, name, version]) => `pkg:npm/${name}@${version}`,
  );
  expect(bundled.length).toBeGreaterThan(30);
  expect(bundled.filter((one) => !named.includes(one))).toEqual([]);
});
