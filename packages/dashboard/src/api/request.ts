import { place } from "../place.ts";
import { readFailure, unreachable } from "./problem.ts";

type Value = string | number | boolean | null | undefined;

/** Query parameters; a list is a repeated parameter, and empty values are left out. */
export type Query = Readonly<Record<string, Value | readonly string[]>>;

/** The team that the page shows. Another tab may have changed the session's team since. */
let actingTeam: string | undefined;

/** Sets the team of all later requests. */
export function actFor(team: string | undefined): void {
  actingTeam = team;
}

/** The headers that every request has. */
const ownHeaders = (team = actingTeam): Record<string, string> =>
  team === undefined ? {} : { "x-org-id": team };

/** The options of a request; `team`: another team than the shown one; null: the session's own. */
export type Asked = { query?: Query; body?: unknown; signal?: AbortSignal; team?: string | null };

/** Prints a path of the API with its parameters. */
export function urlOf(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") parameters.append(name, String(one));
    }
  }
  const search = parameters.toString();
  return `${place.api}${path}${search === "" ? "" : `?${search}`}`;
}

/**
 * Sends a request to the API, with the browser's session.
 *
 * Returns the parsed answer; undefined when there is none. Throws an ApiFailure.
 */
export async function ask<Answer>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  { query, body, signal, team }: Asked = {},
): Promise<Answer> {
  const response = await send(urlOf(path, query), {
    method,
    headers: {
      ...(team === null ? {} : ownHeaders(team)),
      accept: "application/json",
      // Other sites cannot send this header, so changes come only from these pages.
      ...(method === "GET" ? {} : { "x-postrider-request": "1" }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) throw await readFailure(response);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as Answer;
}

/** Opens a text stream of the API; throws an ApiFailure when it is refused. */
export async function openStream(
  path: string,
  { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const response = await send(urlOf(path), {
    headers: { ...ownHeaders(), ...headers, accept: "text/event-stream" },
    cache: "no-store",
    signal,
  });
  if (!response.ok) throw await readFailure(response);
  if (response.body === null) throw unreachable();
  return response.body;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw unreachable();
  }
}
