/** Makes one line of at most 300 characters of a problem, for a message. */
export function oneLine(problem: unknown): string {
  const text = problem instanceof Error ? problem.message : String(problem);
  return text.replace(/\s+/g, " ").trim().slice(0, 300);
}

/** The system's code of an error, such as `ENOENT`; undefined when it has none. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
