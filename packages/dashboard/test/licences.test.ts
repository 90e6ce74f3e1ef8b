import path from "node:path";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";
import { packageOf } from "../../../release/notices.ts";

test("licences.txt has the licence of every package that the scripts and styles of the pages hold", async () => {
  const output = (await build({
    root: path.resolve(import.meta.dirname, ".."),
    mode: "production",
    logLevel: "silent",
    build: { write: false, sourcemap: true },
  })) as Rolldown.RolldownOutput;
  const files = output.output;
  const licences = files.find(({ fileName }) => fileName === "licences.txt");
  const text = licences?.type === "asset" ? String(licences.source) : "";
  const named = new Map(
    text
      .split(`${"-".repeat(80)}\n`)
      .slice(1)
      .map((notice) => [/^(\S+) \d/.exec(notice)?.[1], notice] as const),
  );

  // The maps say where each line came from, without the plugin that writes the file.
  const held = new Set(
    files
      .flatMap((file) => (file.type === "chunk" ? (file.map?.sources ?? []) : []))
      .flatMap((source) => packageOf(source)?.replace(/^.*node_modules\//, "") ?? []),
  );
  expect([...held]).toEqual(expect.arrayContaining(["react", "react-dom", "wouter", "uplot"]));
  for (const name of [...held, "tailwindcss"]) {
    // Who publishes under the Unlicense asks for nothing.
    const asked = name === "wouter" ? /Unlicense/ : /Permission is hereby granted/;
    expect(named.get(name), name).toMatch(asked);
  }
}, 120_000);
