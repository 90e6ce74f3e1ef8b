import { ApiError, type Endpoint, type Postrider } from "@postrider/sdk";

/**
 * Lists the endpoints that somebody means by an id, a name or a URL, whatever the case of its letters.
 *
 * A part of a name or URL is enough. Endpoints with exactly this name or URL come before those that only contain it. The
 * caller refuses several: nobody guesses.
 */
export async function listMeantEndpoints(
  { endpoints }: Pick<Postrider, "endpoints">,
  meant: string,
  options: { signal?: AbortSignal } = {},
): Promise<Endpoint[]> {
  if (/^[0-9a-f]{24}$/.test(meant)) {
    try {
      return [await endpoints.get(meant, options)];
    } catch (error) {
      // A name can look like an id.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }
  const found: Endpoint[] = [];
  for await (const one of endpoints.each({ search: meant }, options)) found.push(one);
  const wanted = meant.toLowerCase();
  const exact = found.filter(({ name, url }) =>
    [name, url].some((text) => text.toLowerCase() === wanted),
  );
  return exact.length > 0 ? exact : found;
}
