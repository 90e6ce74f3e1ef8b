/** A thing that has a name. */
export type Named = { id: string; name: string };

/** Keeps only the ids and names of things. */
export const namesIn = (things: readonly Named[]): readonly Named[] =>
  things.map(({ id, name }) => ({ id, name }));

/** The most names that a page asks for one by one. */
export const singleNamesMax = 20;

/** Lists the ids whose names are not known, each once: only the first few, which bounds the requests for them. */
export const unnamedOf = (
  ids: readonly string[],
  known: ReadonlyMap<string, string>,
): readonly string[] => [...new Set(ids)].filter((id) => !known.has(id)).slice(0, singleNamesMax);

/** Stands for a name that is not there: the end of the id, where ids differ. */
export const shortId = (id: string): string => `…${id.slice(-6)}`;
