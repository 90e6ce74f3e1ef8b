import type { FastifyInstance } from "fastify";
import { AppError } from "../errors.ts";

type Path = { form: RegExp; methods: Set<string> };

/** Answers for paths and methods without a route: 404, or 405 and OPTIONS with what the path does take. */
export function knowPaths(app: FastifyInstance): void {
  const paths = new Map<string, Path>();

  app.addHook("onRoute", ({ url, method }) => {
    const path = paths.get(url) ?? { form: formOf(url), methods: new Set() };
    for (const one of [method].flat()) path.methods.add(one);
    paths.set(url, path);
  });

  // Before authentication and before the body is read: there is nothing here to protect or to read for.
  app.addHook("onRequest", async (request, reply) => {
    if (!request.is404) return;
    const [path = ""] = request.url.split("?", 1);
    const allowed = methodsOf(paths, path);
    if (allowed.length === 0) throw new AppError("not_found");
    reply.header("allow", [...allowed, "OPTIONS"].join(", "));
    if (request.method === "OPTIONS") return reply.code(204).send();
    throw new AppError("method_not_allowed", `Allowed are ${allowed.join(", ")}.`);
  });
}

function methodsOf(paths: ReadonlyMap<string, Path>, path: string): string[] {
  const methods = new Set<string>();
  for (const { form, methods: own } of paths.values()) {
    if (form.test(path)) for (const method of own) methods.add(method);
  }
  return [...methods].sort();
}

/** Turns a route's pattern into a regular expression: `:name` is one segment, `*` is anything. */
function formOf(url: string): RegExp {
  const source = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/:\w+/g, "[^/]+")
    .replaceAll("*", ".*");
  return new RegExp(`^${source}$`);
}
