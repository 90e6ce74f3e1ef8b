import type { FastifyInstance } from "fastify";
import type { BuiltFiles } from "../built-files.ts";
import type { Config } from "../config.ts";
import { AppError } from "../errors.ts";
import type { ApiDeps } from "./deps.ts";
import {
  type Kept,
  type StaticFile,
  sendStaticFile,
  sendUnbuilt,
  staticFile,
} from "./static-files.ts";

/** One application: the dashboard for operators, and the portal that customers see embedded in other sites. */
const mounts = ["/dashboard", "/portal"] as const;
type Mount = (typeof mounts)[number];

/** Serves the built application under /dashboard and /portal; it gets all its data from the public API. */
export function servePages(app: FastifyInstance, { config, builtDashboard }: ApiDeps): void {
  const route = { config: { scope: "none" }, schema: { hide: true } } as const;
  for (const mount of mounts) {
    const headers = pageHeaders(mount, config);
    let pages: ReadonlyMap<string, StaticFile> | undefined;
    // Its relative URLs need a slash at the end.
    app.get(mount, route, async (_request, reply) => reply.redirect(`${mount}/`, 308));
    app.get(`${mount}/*`, route, async (request, reply) => {
      pages ??= pagesOf(mount, builtDashboard());
      reply.headers(headers);
      if (!pages) return sendUnbuilt(reply, unbuilt);
      // The path is compared as it was sent, without decoding, so that no other spelling leads to a file.
      const [path = ""] = request.url.slice(mount.length + 1).split("?", 1);
      const name = pages.has(path) ? path : "index.html";
      const page = pages.get(name);
      if (!page || (name !== path && isFile(path))) throw new AppError("not_found");
      return await sendStaticFile(request, reply, page, keptFor(name));
    });
  }
}

/**
 * Whether a path means a file and not a page of the application: it ends with a file extension.
 *
 * Names of event types have dots too, but longer words after them.
 */
const isFile = (path: string): boolean =>
  path.startsWith("assets/") || /\.[a-z0-9]{1,5}$/i.test(path);

function pagesOf(
  mount: Mount,
  files: BuiltFiles | undefined,
): ReadonlyMap<string, StaticFile> | undefined {
  return files && new Map([...files].map(([name, bytes]) => [name, pageOf(mount, name, bytes)]));
}

function pageOf(mount: Mount, name: string, file: Buffer): StaticFile {
  const bytes =
    name === "index.html"
      ? Buffer.from(
          file
            .toString()
            .replaceAll(/\b(src|href)="\.\//g, `$1="${mount}/`)
            // The header sets the policy instead; the API recognises the portal's pages by `Referer`.
            .replaceAll(/<meta name="referrer"[^>]*>\s*/g, ""),
        )
      : file;
  return staticFile(name, bytes);
}

/** A name with a hash always means the same content; the page itself is revalidated each time. */
const keptFor = (name: string): Kept => {
  if (name === "index.html") return "not";
  return /^assets\/.*-[\w-]{8}\.\w+$/.test(name) ? "immutable" : "asked-again";
};

/** The headers of a page besides those of every answer: only scripts, styles and data of this service are allowed. */
function pageHeaders(mount: Mount, { portalOrigins }: Config): Record<string, string> {
  const embedded = mount === "/portal" && portalOrigins.length > 0;
  const policy = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    // The theme's logo may come from any site.
    "img-src": mount === "/portal" ? "'self' data: https:" : "'self' data:",
    "manifest-src": "'self'",
    "frame-ancestors": embedded ? portalOrigins.join(" ") : "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
  };
  const printed = Object.entries(policy).map(([name, value]) => `${name} ${value}`);
  return {
    "content-security-policy": printed.join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    // The API needs the referrer to distinguish dashboard and portal; other sites do not get it.
    "referrer-policy": "same-origin",
    ...(embedded ? {} : { "x-frame-options": "DENY" }),
  };
}

const unbuilt =
  "The dashboard is not built. In a checkout, run: npm run build -w packages/dashboard";
