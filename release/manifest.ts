/** The members of a package.json that building looks at or changes. */
export type Manifest = {
  name: string;
  version: string;
  private?: boolean;
  dependencies?: Readonly<Record<string, string>>;
  exports?: Readonly<Record<string, unknown>>;
  [member: string]: unknown;
};

/** The manifest of the built SDK: `./src/verify.ts` of the checkout is `./lib/verify.js` with its types beside it. */
export function compiledManifest({ private: _, exports = {}, ...manifest }: Manifest): Manifest {
  const built = Object.entries(exports).map(([name, source]) => {
    const stem = String(source)
      .replace(/^\.\/src\//, "./lib/")
      .replace(/\.ts$/, "");
    // No condition but "default", so that `require` finds it as well as `import`.
    return [name, { types: `${stem}.d.ts`, default: `${stem}.js` }];
  });
  return {
    ...manifest,
    exports: { ...Object.fromEntries(built), "./package.json": "./package.json" },
    files: ["lib"],
    sideEffects: false,
  };
}

/** The manifest of the built server: what the bundle holds is no dependency any more. */
export function bundledManifest({ private: _, dependencies: __, ...manifest }: Manifest): Manifest {
  return {
    ...manifest,
    exports: { "./openapi.json": "./openapi.json", "./package.json": "./package.json" },
    files: [
      "bin",
      "src",
      "dashboard",
      "site",
      "docs",
      "deploy",
      "openapi.json",
      "schema.sql",
      "CHANGELOG.md",
      "LICENSES.txt",
    ],
    sideEffects: true,
  };
}
