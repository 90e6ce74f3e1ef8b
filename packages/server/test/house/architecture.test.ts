import { expect, test } from "vitest";
import {
  anyTypes,
  badNames,
  barrels,
  importCycles,
  longFiles,
  misplacedPowers,
  openNotes,
  privateImports,
  type Source,
  wrongImports,
} from "./rules.ts";
import { readExamples, readSources } from "./sources.ts";

/** What the service is made of. */
const sources = readSources("src", "bin");
/** The same, and what tests and writes it. */
const everything = readSources("src", "bin", "scripts", "test");

/** Beyond that a file needs a reason. */
const linesMax = 300;

/** Powers in the wrong place for now, each with the reason; one that is not needed any more fails as well. */
const powerExceptions: Readonly<Record<string, string>> = {};

/** Files that may be longer, each with the reason why it is still one thing. */
const longFileReasons: Readonly<Record<string, string>> = {
  "server/src/config.ts": "one table of settings, each row with its parser",
  "server/src/api/webhook-routes.ts":
    "one resource; most of it is the schemas that make its OpenAPI",
  "server/src/db/history.ts":
    "one question, a page of deliveries, with its search, its count and its estimate",
  "sdk/src/api.gen.ts": "generated from openapi.json",
  "server/src/server.ts": "the composition root: the order of opening and closing is its contents",
};

const plant = (file: string, text: string): Source => ({ file, text });

test("imports respect the rooms", () => {
  expect(wrongImports(sources)).toEqual([]);
});

test.each([
  ["server/src/domain/backoff.ts", 'import { sql } from "../db/sql.ts";'],
  ["server/src/domain/backoff.ts", 'import { readConfig } from "../config.ts";'],
  ["server/src/db/runs.ts", 'import { recordFacts } from "../actions/record-facts.ts";'],
  ["server/src/actions/redeliver.ts", 'import { openApp } from "../api/app.ts";'],
  ["server/src/api/app.ts", 'import type { Dispatcher } from "../dispatcher/dispatcher.ts";'],
  ["server/src/api/routes/runs.ts", 'import { openServer } from "../../server.ts";'],
  ["server/src/dispatcher/attempt.ts", 'import { sendProblem } from "../api/problem.ts";'],
  ["server/src/janitor/janitor.ts", 'import {\n  openTimers,\n} from "../watch/timers.ts";'],
  ["server/src/watch/timers.ts", 'const { tidy } = await import("../janitor/janitor.ts");'],
  ["server/src/ids.ts", 'import type { Config } from "./config.ts";'],
  ["server/src/embedded-postgres/open.ts", 'import { migrate } from "../db/migrate.ts";'],
  ["server/bin/main.ts", 'import { openDispatcher } from "../src/dispatcher/dispatcher.ts";'],
  ["server/src/db/sql.ts", 'export { openLane } from "../dispatcher/dispatcher.ts";'],
  ["server/src/api/auth.ts", 'import { sign } from "@postrider/sdk/sign";'],
  ["sdk/src/verify.ts", 'import { newId } from "../../server/src/ids.ts";'],
  ["server/src/queue/queue.ts", ""],
])("an import against the direction of the rooms is found in %s: %s", (file, text) => {
  expect(wrongImports([plant(file, text)])).toHaveLength(1);
});

test("no file imports itself by way of others", () => {
  expect(importCycles(sources)).toEqual([]);
});

test("a circle is found, also one of types alone, and named from file to file", () => {
  const circle = [
    plant("server/src/db/a.ts", 'import { b } from "./b.ts";'),
    plant("server/src/db/b.ts", 'import type { C } from "./c.ts";'),
    plant("server/src/db/c.ts", 'import { a } from "./a.ts";'),
  ];
  expect(importCycles(circle)).toEqual([
    "server/src/db/a.ts → server/src/db/b.ts → server/src/db/c.ts → server/src/db/a.ts",
  ]);
  expect(importCycles(circle.slice(0, 2))).toEqual([]);
  const values = [
    plant("server/src/domain/lifecycle/a.ts", 'import { b } from "./b.ts";'),
    plant("server/src/domain/lifecycle/b.ts", 'import { a } from "./a.ts";'),
  ];
  expect(importCycles(values)).toHaveLength(1);
});

test("the examples use nothing that a customer could not", () => {
  const examples = readExamples();
  expect(examples.length).toBeGreaterThan(0);
  expect(privateImports(examples)).toEqual([]);
  for (const [specifier, offences] of [
    ["@postrider/sdk", 0],
    ["@postrider/sdk/verify", 0],
    ["bullmq", 0],
    ["./receiver.ts", 0],
    ["postrider", 1],
    ["../packages/sdk/src/client.ts", 1],
    ["../packages/server/src/ids.ts", 1],
  ] as const) {
    const example = plant("examples/run.ts", `import { one } from "${specifier}";`);
    expect(privateImports([example]), specifier).toHaveLength(offences);
  }
});

test("SQL, sockets, the environment, the clock and chance stay where they belong", () => {
  expect(misplacedPowers(sources).sort()).toEqual(Object.keys(powerExceptions).sort());
});

test.each([
  ["SQL text", "server/src/api/auth.ts", "await sql`select 1`;"],
  ["SQL text", "server/src/actions/redeliver.ts", 'await tx("lock_it")<{ id: string }>`select 1`;'],
  ["SQL text", "server/src/actions/redeliver.ts", "await tx<{ id: string }>`select 1`;"],
  ["SQL text", "server/src/janitor/janitor.ts", 'await client.query("vacuum");'],
  ["SQL text", "server/src/dispatcher/recorder.ts", 'await client.query<Row>("vacuum");'],
  ["the PostgreSQL driver", "server/src/api/problem.ts", 'import pg from "pg";'],
  ["sockets", "server/src/api/app.ts", 'import { connect } from "node:net";'],
  ["sockets", "server/src/janitor/janitor.ts", 'import { Pool } from "undici";'],
  ["sockets", "server/src/secrets.ts", 'import { lookup } from "node:dns/promises";'],
  ["fetch", "server/src/dispatcher/send.ts", "await fetch(url);"],
  ["the HTTP server and its schemas", "server/src/config.ts", 'import { Type } from "typebox";'],
  ["processes", "server/src/server.ts", 'import { spawn } from "node:child_process";'],
  ["the environment", "server/bin/main.ts", "const url = process.env.DATABASE_URL;"],
  ["the wall clock", "server/src/domain/backoff.ts", "const now = Date.now();"],
  ["the wall clock", "server/src/db/runs.ts", "const now = new Date();"],
  ["chance", "server/src/domain/backoff.ts", "const jitter = Math.random();"],
  [
    "anything outside of itself",
    "server/src/domain/decide.ts",
    'import { hash } from "node:crypto";',
  ],
  ["anything outside of itself", "server/src/domain/decide.ts", "const ms = performance.now();"],
])("a misplaced power is found: %s in %s", (power, file, text) => {
  expect(misplacedPowers([plant(file, text)])).toContain(`${file}: ${power}`);
});

test.each([
  ["server/src/api/app.ts", 'import type { Socket } from "node:net";'],
  [
    "server/src/api/app.ts",
    "// Unlike sql`…`, this is asked of the pool.\nconst at = new Date(text);",
  ],
  ["server/src/domain/lifecycle/run.ts", "const deadline = new Date(now.getTime() + 1);"],
])("what only looks like a power is none, in %s", (file, text) => {
  expect(misplacedPowers([plant(file, text)])).toEqual([]);
});

test("files and folders are named after things, in kebab-case", () => {
  expect(badNames(everything)).toEqual([]);
});

test.each([
  "server/src/utils.ts",
  "server/src/api/helpers/dates.ts",
  "server/src/domain/types.ts",
  "server/test/helpers.ts",
  "server/src/db/apiKeys.ts",
])("a name that says nothing is found: %s", (file) => {
  expect(badNames([plant(file, "")])).toHaveLength(1);
});

test("nothing but the SDK's index passes on what others export", () => {
  expect(barrels(everything)).toEqual([]);
  const barrel = '/** All. */\nexport * from "./a.ts";\nexport { b, type C } from "./b.ts";\n';
  expect(barrels([plant("server/src/db/all.ts", barrel)])).toHaveLength(1);
  expect(barrels([plant("server/src/db/some.ts", `${barrel}export const d = 1;`)])).toEqual([]);
});

test("nothing is of type any", () => {
  expect(anyTypes(sources)).toEqual([]);
});

test.each(["const a: any = 1;", "f(x as any)", "type R = Record<string, any>;", "let l: any[];"])(
  "the type any is found: %s",
  (text) => {
    expect(anyTypes([plant("server/src/ids.ts", text)])).toHaveLength(1);
  },
);

test("no file has a TODO without an owner", () => {
  expect(openNotes(sources)).toEqual([]);
  expect(openNotes([plant("server/src/ids.ts", "// TODO: later")])).toHaveLength(1);
});

test(`a file of more than ${linesMax} lines is listed here with the reason why it is one thing`, () => {
  expect(longFiles(sources, linesMax).filter((file) => !(file in longFileReasons))).toEqual([]);
  // Short again, it needs no reason; well below the limit, so that nobody counts lines to please this list.
  expect(longFiles(sources, 250)).toEqual(expect.arrayContaining(Object.keys(longFileReasons)));
  expect(
    longFiles([plant("server/src/ids.ts", "x\n".repeat(linesMax + 1))], linesMax),
  ).toHaveLength(1);
  expect(longFiles([plant("server/src/ids.ts", "x\n".repeat(linesMax))], linesMax)).toEqual([]);
});
