/** An error that stops a command. The message is one sentence for the operator. */
export class StartError extends Error {}

/** Makes a one-sentence error for the operator from a database failure at the start. */
export function databaseProblem(error: unknown): StartError {
  if (error instanceof StartError) return error;
  // A host with several addresses fails with one error for each address, and without a message.
  const { message, code } = error as { message: string; code?: string };
  return new StartError(`The database cannot be used: ${message || code}`, { cause: error });
}
