const heading = "## [Unreleased]\n";

/** Gives what the changelog says of the next release; throws when it says nothing. */
export function unreleasedNotes(changelog: string): string {
  const [, after] = changelog.split(heading);
  if (after === undefined) throw new Error(`CHANGELOG.md has no heading "${heading.trim()}"`);
  const notes = (after.split(/^## /m)[0] ?? "").trim();
  if (!/^- /m.test(notes)) throw new Error("CHANGELOG.md lists nothing under [Unreleased]");
  return notes;
}

/** Puts what is unreleased under its version and day, below an [Unreleased] that is empty again. */
export function closeUnreleased(changelog: string, version: string, day: string): string {
  if (changelog.includes(`## [${version}]`)) {
    throw new Error(`CHANGELOG.md has a section ${version} already`);
  }
  return changelog.replace(heading, `${heading}\n## [${version}] - ${day}\n`);
}
