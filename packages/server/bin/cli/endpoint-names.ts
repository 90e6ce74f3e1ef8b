import { ApiError, type Endpoint, type Postrider } from "@postrider/sdk";
import { listMeantEndpoints } from "../../src/mcp/meant-endpoints.ts";
import { StartError } from "../../src/start-error.ts";
import { printable } from "./table.ts";
import { contractWords } from "./words.ts";

const candidatesMax = 10;

/**
 * Finds the endpoint that a person means by an id, a name, a URL, or a part of these.
 *
 * Throws a StartError with the candidates if several match, or with what to type if none does.
 */
export async function getEndpoint(postrider: Postrider, meant: string): Promise<Endpoint> {
  const [one, ...others] = await listMeantEndpoints(postrider, meant);
  if (one === undefined) {
    throw new StartError(
      `There is no endpoint "${printable(meant)}". See what there is, run: postrider endpoints list`,
    );
  }
  if (others.length === 0) return one;
  throw new StartError(ambiguous(meant, [one, ...others]));
}

function ambiguous(name: string, candidates: readonly Endpoint[]): string {
  const lines = candidates
    .slice(0, candidatesMax)
    .map(
      (one) => `  ${one.id}  ${printable(one.name)}  (${contractWords[one.contract]}, ${one.url})`,
    );
  const more = candidates.length - lines.length;
  return [
    `"${printable(name)}" could be ${candidates.length} endpoints. Give one of these ids instead:`,
    ...lines,
    ...(more > 0
      ? [`  and ${more} more, run: postrider endpoints list --search ${quoted(name)}`]
      : []),
  ].join("\n");
}

/** Finds the names of endpoints by their ids; a deleted one has its id as its name. */
export async function namesOf(
  postrider: Postrider,
  ids: readonly string[],
): Promise<(id: string) => string> {
  const wanted = new Set(ids);
  const names = new Map<string, string>();
  // A list leaves out what is shown only when it is asked for, so what it lacks is asked for by its id.
  if (wanted.size > singlesMax) {
    for await (const { id, name } of postrider.endpoints.each()) names.set(id, name);
  }
  const missing = [...wanted].filter((id) => !names.has(id)).slice(0, lookUpsMax);
  await Promise.all(
    missing.map(async (id) => {
      const one = await postrider.endpoints.get(id).catch((error) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      names.set(id, one?.name ?? id);
    }),
  );
  return (id) => names.get(id) ?? id;
}

/** The most endpoints that are read one by one; for more, the whole list is read. */
const singlesMax = 8;
const lookUpsMax = 50;

const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** A word for a POSIX shell, in quotes where it needs them. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-")
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
