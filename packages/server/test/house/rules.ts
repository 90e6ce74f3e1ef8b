import path from "node:path";

/** One source file; `file` is its path from packages/, such as `server/src/db/sql.ts`. */
export type Source = { file: string; text: string };

/** What breaks a rule, and how: one line each. */
export type Offence = string;

const leaves = "server/src/*.ts";

/**
 * Who may import whom, besides its own room. A room is a folder of server/src; a file directly under it is a leaf.
 *
 * Where a room may use single files only, they are named. `sdk` is the package `@postrider/sdk`.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  // Pure: it knows how ids are derived and how a refusal is called, and nothing else.
  domain: ["server/src/ids.ts", "server/src/errors.ts"],
  // A leaf stands alone. Exceptions: a queue refuses as callers know it and knows its pace, CIDRs are parsed as egress
  // parses them, what may be sealed or not is sealed as secrets are, a version is read beside the package, and a database
  // URL is refused where it could not be used.
  leaf: [
    "server/src/errors.ts",
    "server/src/pace.ts",
    "server/src/domain/address.ts",
    "server/src/secrets.ts",
    "server/src/package-file.ts",
    "server/src/database-url.ts",
    "server/src/trace-exporter.ts",
  ],
  // Starts a server; knows nothing of what the database is for.
  "embedded-postgres": [],
  db: ["domain", leaves],
  actions: ["db", "domain", leaves, "sdk"],
  dispatcher: ["actions", "db", "domain", leaves, "sdk"],
  watch: ["actions", "db", "domain", leaves],
  janitor: ["actions", "db", "domain", leaves],
  api: ["actions", "db", "domain", leaves],
  // Tools for agents: they can do nothing that a customer cannot.
  mcp: ["sdk", leaves],
  // Looks at what all of them rely on, and changes nothing.
  doctor: ["actions", "db", "dispatcher", "domain", "embedded-postgres", leaves],
  // The composition root, the engine and the service around it: the only ones that know all parts.
  root: [
    "actions",
    "api",
    "db",
    "dispatcher",
    "domain",
    "embedded-postgres",
    "janitor",
    leaves,
    "mcp",
    "watch",
  ],
  // The command line starts what the root composes and reads or writes what a person may.
  bin: [
    "root",
    "db",
    "doctor",
    leaves,
    "mcp",
    "sdk",
    "server/src/domain/diagnosis/finding.ts",
    "server/src/actions/remember-keys.ts",
    "server/src/actions/rotate-encryption.ts",
  ],
  sdk: [],
  // The dashboard can do nothing that a customer cannot.
  dashboard: ["sdk"],
  // The site is built from documents: it knows no code of ours.
  site: [],
};

/** The room a file stands in; undefined for one in no room. */
export function roomOf(file: string): string | undefined {
  if (/^server\/src\/(?:engine|server)\.ts$/.test(file)) return "root";
  if (file.startsWith("server/bin/")) return "bin";
  if (/^server\/src\/[^/]+$/.test(file)) return "leaf";
  const room =
    /^server\/src\/([^/]+)\//.exec(file)?.[1] ?? /^(sdk|dashboard|site)\/src\//.exec(file)?.[1];
  return room !== undefined && room in mayImport ? room : undefined;
}

/** Finds imports against the direction that the rooms have. */
export function wrongImports(sources: readonly Source[]): Offence[] {
  return sources.flatMap((source) => {
    const from = roomOf(source.file);
    if (from === undefined) return [`${source.file} stands in no room that the rules know`];
    return importsOf(source)
      .filter(({ target }) => target !== undefined && !allowed(from, target))
      .map(({ specifier }) => `${source.file} (${from}) may not import ${specifier}`);
  });
}

function allowed(from: string, target: string): boolean {
  const to = roomOf(target);
  if (to === from && from !== "leaf") return true;
  return (mayImport[from] ?? []).some((one) =>
    one === leaves ? to === "leaf" : one === to || one === target,
  );
}

/** Finds imports that a customer could not make: the examples may use the SDK, packages of their own, and each other. */
export function privateImports(examples: readonly Source[]): Offence[] {
  return examples.flatMap((source) =>
    importsOf(source)
      .filter(({ specifier, target = "" }) => {
        const ours = /^(?:@?postrider\b|\.)/.test(specifier);
        return ours && !/^(?:examples\/|sdk\/src\/)/.test(target);
      })
      .map(({ specifier }) => `${source.file} may not import ${specifier}`),
  );
}

/** The states of the subjects and what their changes mean are one recursive type, told in a file for each. */
const oneType = /^server\/src\/domain\/lifecycle\//;

/** Finds circles among imports, types included: each as `a → b → a`. */
export function importCycles(sources: readonly Source[]): Offence[] {
  const edges = new Map(
    sources.map((source) => [
      source.file,
      importsOf(source)
        .filter(({ target, typesOnly }) => {
          return !(typesOnly && oneType.test(source.file) && oneType.test(target ?? ""));
        })
        .flatMap(({ target }) => target ?? []),
    ]),
  );
  const done = new Set<string>();
  const cycles: Offence[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      cycles.push([...trail.slice(trail.indexOf(file)), file].join(" → "));
      return;
    }
    if (done.has(file)) return;
    for (const target of edges.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return cycles;
}

type Power = { name: string; shows: (source: Source) => boolean; only: RegExp };

const uses = (pattern: RegExp) => (source: Source) => pattern.test(withoutComments(source.text));

/** Says whether a file imports one of these for more than its types. */
const brings = (packages: RegExp) => (source: Source) =>
  importsOf(source).some(({ specifier, typesOnly }) => !typesOnly && packages.test(specifier));

/** Powers that belong to one place. */
const powers: readonly Power[] = [
  {
    name: "SQL text",
    shows: uses(/\b(?:sql|tx)(?:\("[^"]*"\))?(?:<[^`;]*>)?`|\.query(?:<[^;(]*>)?\(/),
    // embedded-postgres creates the one database; wake listens on a connection of its own, which no pool may take back.
    only: /^server\/src\/(?:db\/|embedded-postgres\/|dispatcher\/wake\.ts$)/,
  },
  {
    name: "the PostgreSQL driver",
    shows: brings(/^pg$/),
    only: /^server\/src\/(?:db\/|embedded-postgres\/|dispatcher\/wake\.ts$)/,
  },
  {
    name: "sockets",
    shows: brings(/^(?:node:(?:net|tls|http|https|http2|dgram|dns|dns\/promises)|undici)$/),
    // trace-exporter reaches the operator's own collector; forward posts to the application on the user's machine.
    only: /^server\/(?:src\/dispatcher\/|src\/trace-exporter\.ts$|bin\/receiver\.ts$|bin\/cli\/forward\.ts$)/,
  },
  {
    name: "fetch",
    shows: uses(/(?<![.\w])fetch\(/),
    // listen watches the SDK's own requests.
    only: /^(?:(?:sdk|dashboard)\/src\/|server\/bin\/cli\/listen\.ts$)/,
  },
  {
    name: "the HTTP server and its schemas",
    shows: brings(/^(?:fastify|@fastify\/.+|typebox(?:\/.+)?)$/),
    only: /^server\/src\/api\//,
  },
  {
    name: "processes",
    shows: brings(/^node:(?:child_process|cluster|worker_threads)$/),
    // The command line builds the dashboard of a checkout, and opens a browser when it is asked to.
    only: /^server\/(?:src\/embedded-postgres\/|bin\/dashboard\.ts$)/,
  },
  {
    name: "the environment",
    shows: uses(/\bprocess\.env\b/),
    only: /^server\/src\/config\.ts$/,
  },
  {
    name: "the wall clock",
    shows: uses(/\bDate\.now\b|\bnew Date(?:\(\)|;)/),
    // The root hands the clock on; ids begin with seconds; the rest is outside of the service proper.
    only: /^(?:server\/(?:src\/(?:server|ids)\.ts$|src\/embedded-postgres\/|bin\/)|sdk\/|dashboard\/)/,
  },
  {
    name: "chance",
    shows: uses(/\bMath\.random\b/),
    only: /^server\/src\/server\.ts$/,
  },
  {
    name: "anything outside of itself",
    shows: ({ file, text }) =>
      roomOf(file) === "domain" &&
      (importsOf({ file, text }).some(({ target }) => target === undefined) ||
        /\b(?:performance\.|crypto\.|setTimeout\(|setImmediate\(|process\.|console\.)/.test(
          withoutComments(text),
        )),
    only: /^$/,
  },
];

/** Finds powers used where they do not belong; an exception is `file: power`. */
export function misplacedPowers(sources: readonly Source[]): Offence[] {
  return powers.flatMap(({ name, shows, only }) =>
    sources
      .filter((source) => !only.test(source.file) && shows(source))
      .map(({ file }) => `${file}: ${name}`),
  );
}

const bucketNames = /^(?:utils?|helpers?|types?|common|misc|shared|models?|services?|managers?)$/;

/** Finds files and folders whose name says nothing, or is not in kebab-case. */
export function badNames(sources: readonly Source[]): Offence[] {
  return sources.flatMap(({ file }) => {
    const parts = file.split("/").slice(2);
    const stems = parts.map((part) => part.replace(/(?:\.[a-z]+)+$/, ""));
    if (stems.some((stem) => bucketNames.test(stem))) return [`${file} is named after no thing`];
    if (!stems.every((stem) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(stem))) {
      return [`${file} is not in kebab-case`];
    }
    return [];
  });
}

/** Finds files that only pass on what others export; the SDK's index is the one that may. */
export function barrels(sources: readonly Source[]): Offence[] {
  return sources
    .filter(({ file, text }) => {
      const rest = withoutComments(text).replace(/export\s[^;]*?\sfrom\s*"[^"]+";?/g, "");
      return file !== "sdk/src/index.ts" && /\bexport\b/.test(text) && rest.trim() === "";
    })
    .map(({ file }) => `${file} only passes on what others export`);
}

/** Finds the type `any`. */
export function anyTypes(sources: readonly Source[]): Offence[] {
  const any = /(?:[:<|&,=]\s*|\bas\s+)any\b\s*(?=[;,)>\]|&=[{]|$)/m;
  return sources.filter(uses(any)).map(({ file }) => `${file} says any`);
}

/** Finds notes to self. */
export function openNotes(sources: readonly Source[]): Offence[] {
  return sources
    .filter(({ text }) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text))
    .map(({ file }) => `${file} holds a note that nobody owns`);
}

/** Finds files that are longer than this many lines. */
export function longFiles(sources: readonly Source[], linesMax: number): Offence[] {
  return sources
    .filter(({ text }) => text.trimEnd().split("\n").length > linesMax)
    .map(({ file }) => file);
}

type Import = { specifier: string; target: string | undefined; typesOnly: boolean };

/** What a file imports; `target` is the file, for our own ones, and undefined for packages. */
function importsOf({ file, text }: Source): Import[] {
  const statements =
    /(?:^|\n)\s*(?:import|export)\s+(?<types>type\s+)?[^;"]*?from\s*"(?<from>[^"]+)"|\bimport\s*\(?\s*"(?<bare>[^"]+)"/g;
  return [...withoutComments(text).matchAll(statements)].map(({ groups = {} }) => {
    const specifier = groups.from ?? groups.bare ?? "";
    return { specifier, target: targetOf(file, specifier), typesOnly: groups.types !== undefined };
  });
}

function targetOf(file: string, specifier: string): string | undefined {
  if (specifier === "@postrider/sdk") return "sdk/src/index.ts";
  if (specifier.startsWith("@postrider/sdk/")) return `sdk/src/${specifier.slice(15)}.ts`;
  return specifier.startsWith(".")
    ? path.posix.join(path.posix.dirname(file), specifier)
    : undefined;
}

/** Takes comments away, as far as they stand where formatted code has them. */
const withoutComments = (text: string): string =>
  text.replace(/(^|\s)\/\*[\s\S]*?\*\//g, "$1").replace(/(^|\s)\/\/.*$/gm, "$1");
