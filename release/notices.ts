import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Prints the licence of every package that a bundle holds, as most of them ask; throws for a package that names none.
 *
 * `inputs` are the bundle's modules, as paths from `root` or absolute ones; those of no package are our own.
 */
export function printNotices(heading: string, root: string, inputs: readonly string[]): string {
  const directories = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const notices = new Set(
    [...directories].map((directory) => {
      const held = inputs.filter((input) => packageOf(input) === directory);
      return noticeOf(
        path.resolve(root, directory),
        held.map((file) => path.resolve(root, file)),
      );
    }),
  );
  return [
    "Postrider is licensed under the Apache License 2.0 (LICENSE).",
    heading,
    ...[...notices].sort(),
  ].join("\n\n");
}

/** The directory of the innermost package that a file belongs to; undefined for a file of our own. */
export const packageOf = (input: string): string | undefined =>
  /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

function noticeOf(directory: string, files: readonly string[]): string {
  const { name, version, license } = JSON.parse(
    readFileSync(path.join(directory, "package.json"), "utf8"),
  );
  if (license === undefined) throw new Error(`${name} names no licence`);
  const texts = readdirSync(directory)
    .filter((one) => /^(?:licen[cs]e|notice)/i.test(one))
    .sort()
    .map((one) => readFileSync(path.join(directory, one), "utf8").trim());
  const line = "-".repeat(80);
  return [`${line}\n${name} ${version} (${license})`, ...texts, ...files.flatMap(insideOf)].join(
    "\n\n",
  );
}

/** What a file says of the packages that its publisher has built into it: their names and licences. */
function insideOf(file: string): string[] {
  // Beside a bundle, webpack leaves the licences that the comments of its modules give.
  const licences = `${file}.LICENSE.txt`;
  if (!existsSync(licences)) return [];
  const { sources }: { sources: string[] } = JSON.parse(readFileSync(`${file}.map`, "utf8"));
  const names = new Set(
    sources.flatMap((source) => packageOf(source)?.replace(/^.*node_modules\//, "") ?? []),
  );
  return [
    `Its file ${path.basename(file)} was published with these packages inside: ${[...names].sort().join(", ")}.`,
    `The notices in their files, from ${path.basename(licences)}:`,
    readFileSync(licences, "utf8").trim(),
  ];
}
