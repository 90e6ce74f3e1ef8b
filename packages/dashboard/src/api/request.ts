import { place } from "../place.ts";
import { readFailure, unreachable } from "./problem.ts";

type Value = string | number | boolean | null | undefined;

/** Query parameters; a list is a parameter that is repeated, and nothing is left out. */
export type Query = Readonly<Record<string, Value | readonly string[]>>;

/** What a request may bring. */
export type Asked = { query?: Query; body?: unknown; signal?: AbortSignal };

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
 * Asks the API, as the browser's session.
 *
 * Gives the parsed answer, or undefined when there is none. Throws an ApiFailure.
 */
export async function ask<Answer>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  { query, body, signal }: Asked = {},
): Promise<Answer> {
  const response = await send(urlOf(path, query), {
    method,
    headers: {
      accept: "application/json",
      // No other site can send this header: what changes something comes from these pages.
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

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw unreachable();
  }
}
