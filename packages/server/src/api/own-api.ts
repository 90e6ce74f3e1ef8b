import type { FastifyInstance } from "fastify";

/**
 * Makes a `fetch` that calls this API without a socket.
 *
 * A request passes the same hooks as one from outside: key, scopes and team, limits, validation, audit.
 */
export function openOwnApi(app: FastifyInstance): typeof fetch {
  return async (target, init = {}) => {
    const { pathname, search } = new URL(String(target));
    const { signal } = init;
    const answer = await app.inject({
      method: (init.method ?? "GET") as "GET",
      url: pathname + search,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(typeof init.body === "string" && { payload: init.body }),
      ...(signal && { signal }),
    });
    const headers = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined) headers.set(name, String(value));
    }
    // A Response with these statuses cannot have a body.
    const empty = answer.statusCode === 204 || answer.statusCode === 304;
    return new Response(empty ? null : answer.payload, { status: answer.statusCode, headers });
  };
}
