import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundledManifest, compiledManifest, type Manifest } from "./manifest.ts";
import { printNotices } from "./notices.ts";

/** The root of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));
const fromRoot = (...parts: string[]) => path.join(root, ...parts);

/** Where `npm run build` puts each package, ready to be packed. */
export const builtPackages = {
  server: fromRoot("packages/server/dist"),
  sdk: fromRoot("packages/sdk/dist"),
} as const;

/** Builds both packages into the `dist` folder of each, from nothing. */
export async function buildPackages(): Promise<void> {
  for (const directory of Object.values(builtPackages)) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
  }
  buildSdk();
  await buildServer();
}

/** One file for each of the sources, so that bundlers and debuggers see what we wrote. */
function buildSdk(): void {
  const target = builtPackages.sdk;
  execFileSync(
    process.execPath,
    [
      fromRoot("node_modules/typescript/bin/tsc"),
      "--project",
      fromRoot("release/tsconfig.sdk.json"),
    ],
    { stdio: "inherit" },
  );
  nameCompiledFiles(path.join(target, "lib"));
  writeManifest(target, compiledManifest(readManifest("packages/sdk")));
  copy(target, { "packages/sdk/README.md": "README.md", LICENSE: "LICENSE" });
}

/** The compiler rewrites `./verify.ts` to `./verify.js` in code; in declarations it leaves what no caller has. */
function nameCompiledFiles(directory: string): void {
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const whole = path.join(directory, file);
    const text = readFileSync(whole, "utf8");
    writeFileSync(whole, text.replace(/((?:from |import\()"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
  }
}

/**
 * A few files with their dependencies inside: `serve` starts in a third of the time that many files take. What is imported
 * only when it is needed (the service itself, MCP) is a file of its own, so that other commands do not read it.
 *
 * All of them lie in bin/, one folder below package.json, as `packageFile` needs it. They are not minified: a stack trace
 * shows names and lines that can be read. With `node --enable-source-maps` it shows those of the sources.
 */
async function buildServer(): Promise<void> {
  const target = builtPackages.server;
  const { metafile } = await build({
    absWorkingDir: root,
    stdin: {
      contents: 'import { main } from "./main.ts"; await main(process.argv);',
      resolveDir: fromRoot("packages/server/bin"),
      sourcefile: "postrider.ts",
      loader: "ts",
    },
    outdir: path.join(target, "bin"),
    entryNames: "postrider",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    legalComments: "none", // LICENSES.txt has them in full.
    metafile: true,
    alias: replacements,
    logLevel: "warning",
    banner: {
      // Dependencies that are CommonJS ask for Node's own modules by `require`.
      js: `#!/usr/bin/env node
import { createRequire as createRequireOfBundle } from "node:module";
const require = createRequireOfBundle(import.meta.url);`,
    },
  });
  writeManifest(target, bundledManifest(readManifest("packages/server")));
  writeFileSync(
    path.join(target, "LICENSES.txt"),
    printNotices(
      "The files in bin/ also hold these packages. dashboard/ and site/ have a licences.txt of their own.",
      root,
      Object.keys(metafile.inputs),
    ),
  );
  copy(target, {
    "packages/server/README.md": "README.md",
    LICENSE: "LICENSE",
    "CHANGELOG.md": "CHANGELOG.md",
    "packages/server/openapi.json": "openapi.json",
    "packages/server/schema.sql": "schema.sql",
    "packages/server/src/db/migrations": "src/db/migrations",
    docs: "docs",
    deploy: "deploy",
  });
  for (const application of applications)
    buildApplication(application, path.join(target, application));
}

/** Packages of which the service uses a part. What it does not use would be more than a third of what `serve` reads. */
const replacements = {
  "@fastify/ajv-compiler": fromRoot("release/no-compiler.mjs"),
  "@fastify/fast-json-stringify-compiler": fromRoot("release/no-compiler.mjs"),
};

/** What browsers are served; `npm run build -w packages/<name>` builds each. */
const applications = ["dashboard", "site"] as const;

/** A checkout without an application's sources makes a package without it. */
function buildApplication(name: (typeof applications)[number], target: string): void {
  if (!existsSync(fromRoot("packages", name, "package.json"))) return;
  execFileSync("npm", ["run", "build", "-w", `packages/${name}`], {
    cwd: root,
    stdio: "inherit",
    // Whoever builds for a test must not get React's slow build for developers.
    env: { ...process.env, NODE_ENV: "production" },
  });
  cpSync(fromRoot("packages", name, "dist"), target, { recursive: true });
}

const readManifest = (directory: string): Manifest =>
  JSON.parse(readFileSync(fromRoot(directory, "package.json"), "utf8"));

function writeManifest(target: string, manifest: Manifest): void {
  writeFileSync(path.join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

function copy(target: string, files: Readonly<Record<string, string>>): void {
  for (const [from, to] of Object.entries(files)) {
    cpSync(fromRoot(from), path.join(target, to), { recursive: true });
  }
}
