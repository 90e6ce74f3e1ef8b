import type { Mutant } from "./mutant.ts";
import { sqlMutants } from "./sql-mutants.ts";
import { typescriptMutants } from "./typescript-mutants.ts";

/** A part of the product, and the tests whose matter it is. Paths are prefixes from the root, or whole files. */
export type Area = {
  name: string;
  sources: readonly string[];
  without?: readonly string[];
  tests: readonly string[];
  mutate: (file: string, source: string) => Mutant[];
};

const server = (...paths: string[]) => paths.map((path) => `packages/server/src/${path}`);
const tests = (...folders: string[]) => folders.map((folder) => `packages/server/test/${folder}/`);

const rules = server("domain/target-url.ts", "domain/address.ts", "domain/receiver-headers.ts");
const sending = server(
  "dispatcher/send.ts",
  "dispatcher/connector.ts",
  "dispatcher/sockets.ts",
  "dispatcher/connections.ts",
  "dispatcher/answer-parser.ts",
  "dispatcher/answer-start.ts",
  "dispatcher/request-text.ts",
  "dispatcher/race.ts",
  "dispatcher/exchange.ts",
  "dispatcher/deadlines.ts",
  "dispatcher/failures.ts",
  "dispatcher/response-body.ts",
);
const sealedColumns = server("db/sealed-columns.ts");

export const areas: readonly Area[] = [
  {
    name: "domain",
    sources: server("domain/"),
    without: rules,
    tests: tests("domain", "engine"),
    mutate: typescriptMutants,
  },
  {
    name: "egress",
    sources: [...sending, ...rules],
    tests: tests("dispatcher", "domain", "hostile"),
    mutate: typescriptMutants,
  },
  {
    name: "sealing",
    sources: [
      ...server("secrets.ts", "sealed-values.ts", "actions/payload-vault.ts"),
      ...server("actions/sealed-state.ts", "actions/rotate-encryption.ts"),
      ...server("actions/remember-keys.ts", "actions/signing-secret.ts"),
      ...sealedColumns,
    ],
    tests: tests("engine", "api", "security"),
    mutate: (file, source) => [...typescriptMutants(file, source), ...sqlMutants(file, source)],
  },
  {
    name: "sdk",
    sources: ["packages/sdk/src/"],
    without: ["packages/sdk/src/api.gen.ts"],
    tests: ["packages/sdk/test/"],
    mutate: typescriptMutants,
  },
  {
    name: "dispatcher",
    sources: server("dispatcher/"),
    without: sending,
    tests: tests("dispatcher", "engine"),
    mutate: typescriptMutants,
  },
  {
    name: "sql",
    sources: server("db/"),
    without: sealedColumns,
    tests: [...tests("db", "engine", "api"), "packages/server/test/house/schema.test.ts"],
    mutate: sqlMutants,
  },
];

const startsWithOneOf = (file: string, starts: readonly string[]): boolean =>
  starts.some((start) => file.startsWith(start));

/** The files of an area among all files. */
export const sourcesOf = ({ sources, without = [] }: Area, files: readonly string[]): string[] =>
  files.filter(
    (file) =>
      file.endsWith(".ts") && startsWithOneOf(file, sources) && !startsWithOneOf(file, without),
  );

/** The test files of an area among all files. */
export const testsOf = ({ tests }: Area, files: readonly string[]): string[] =>
  files.filter((file) => file.endsWith(".test.ts") && startsWithOneOf(file, tests));
