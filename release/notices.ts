import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Prints the licence of every package that a bundle holds, as most of them ask; throws for a package that names none. */
export function printNotices(root: string, inputs: readonly string[]): string {
  const directories = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const notices = [...directories].sort().map((directory) => noticeOf(path.join(root, directory)));
  return [
    "Postrider is licensed under the Apache License 2.0 (LICENSE).",
    "The files in bin/ also hold these packages:",
    ...notices,
  ].join("\n\n");
}

/** The directory of the innermost package that a file belongs to; undefined for a file of our own. */
export const packageOf = (input: string): string | undefined =>
  /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

function noticeOf(directory: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(path.join(directory, "package.json"), "utf8"),
  );
  const file = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one));
  if (license === undefined) throw new Error(`${name} names no licence`);
  const text = file === undefined ? "" : readFileSync(path.join(directory, file), "utf8").trim();
  const line = "-".repeat(80);
  return `${line}\n${name} ${version} (${license})\n\n${text}`.trimEnd();
}
