/** What keeps a command from its work. The message is one sentence for the operator. */
export class StartError extends Error {}

/** Puts what went wrong with the database at the start into one sentence for the operator. */
export function databaseProblem(error: unknown): StartError {
  if (error instanceof StartError) return error;
  // A host with several addresses fails with all of their errors, and no message of its own.
  const { message, code } = error as { message: string; code?: string };
  return new StartError(`The database cannot be used: ${message || code}`, { cause: error });
}
