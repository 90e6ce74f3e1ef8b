import type { FastifyInstance } from "fastify";
import { AppError } from "../errors.ts";

type Path = { url: string; form: RegExp; methods: Set<string> };

/**
 * Answers paths and methods without a route: 404, or 405 and OPTIONS with the methods of the path.
 *
 * If a path matches two patterns, the one with more literal segments applies, whatever the method: the router would give
 * `DELETE …/events` to `DELETE …/:webhook_id`.
 */
export function knowPaths(app: FastifyInstance): void {
  const paths = new Map<string, Path>();

  app.addHook("onRoute", ({ url, method }) => {
    const path = paths.get(url) ?? { url, form: formOf(url), methods: new Set() };
    for (const one of [method].flat()) path.methods.add(one);
    paths.set(url, path);
  });

  // Before authentication and before the body is read, because neither is needed.
  app.addHook("onRequest", async (request, reply) => {
    const routed = request.is404 ? undefined : request.routeOptions.url;
    // A pattern without a parameter matches only its own path.
    if (routed?.includes(":") === false) return;
    const [path = ""] = request.url.split("?", 1);
    const owner = ownerOf(paths.values(), path);
    if (routed && (!owner || owner.url === routed)) return;
    if (!owner) throw new AppError("not_found");
    const allowed = [...owner.methods].sort();
    reply.header("allow", [...allowed, "OPTIONS"].join(", "));
    if (request.method === "OPTIONS") return reply.code(204).send();
    throw new AppError("method_not_allowed", `Allowed methods: ${allowed.join(", ")}.`);
  });
}

function ownerOf(paths: Iterable<Path>, path: string): Path | undefined {
  let owner: Path | undefined;
  for (const one of paths) {
    if (one.form.test(path) && (!owner || rank(one.url) < rank(owner.url))) owner = one;
  }
  return owner;
}

/** A sort key: literal segments before parameters, from the left, as the router does. */
const rank = (url: string): string =>
  url
    .split("/")
    .map((segment) => (/^[:*]/.test(segment) ? "1" : "0"))
    .join("");

/** Converts a route's pattern to a regular expression: `:name` is one segment, `*` is the rest. */
function formOf(url: string): RegExp {
  const source = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/:\w+/g, "[^/]+")
    .replaceAll("*", ".*");
  return new RegExp(`^${source}$`);
}
