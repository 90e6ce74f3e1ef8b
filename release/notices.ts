import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Prints the licence of every package that a bundle holds, as most of them ask; throws for a package that names none.
 *
 * `inputs` are the bundle's modules, as paths from `root` or absolute ones; those of no package are our own.
 */
export function printNotices(heading: string, root: string, inputs: readonly string[]): string {
  const directories = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const notices = new Set([...directories].map((one) => noticeOf(path.resolve(root, one))));
  return [
    "Postrider is licensed under the Apache License 2.0 (LICENSE).",
    heading,
    ...[...notices].sort(),
  ].join("\n\n");
}

/** The directory of the innermost package that a file belongs to; undefined for a file of our own. */
export const packageOf = (input: string): string | undefined =>
  /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

function noticeOf(directory: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(path.join(directory, "package.json"), "utf8"),
  );
  if (license === undefined) throw new Error(`${name} names no licence`);
  const texts = readdirSync(directory)
    .filter((one) => /^(?:licen[cs]e|notice)/i.test(one))
    .sort()
    .map((one) => readFileSync(path.join(directory, one), "utf8").trim());
  const line = "-".repeat(80);
  return [`${line}\n${name} ${version} (${license})`, ...texts].join("\n\n");
}
