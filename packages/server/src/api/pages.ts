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

/** The pages: one application, for operators and, embedded where they are, for customers. */
const mounts = ["/dashboard", "/portal"] as const;
type Mount = (typeof mounts)[number];

/** Serves the built application under /dashboard and /portal; what it shows comes through the API like everybody's. */
export function servePages(app: FastifyInstance, { config, builtDashboard }: ApiDeps): void {
  const route = { config: { scope: "none" }, schema: { hide: true } } as const;
  for (const mount of mounts) {
    const headers = pageHeaders(mount, config);
    let pages: ReadonlyMap<string, StaticFile> | undefined;
    // What it loads stands beside it, and not beside the address of one of its pages.
    app.get(mount, route, async (_request, reply) => reply.redirect(`${mount}/`, 308));
    app.get(`${mount}/*`, route, async (request, reply) => {
      pages ??= pagesOf(mount, builtDashboard());
      reply.headers(headers);
      if (!pages) return sendUnbuilt(reply, unbuilt);
      // Compared as it was sent: no spelling of a path leads to a file that has another name.
      const [path = ""] = request.url.slice(mount.length + 1).split("?", 1);
      const name = pages.has(path) ? path : "index.html";
      const page = pages.get(name);
      if (!page || (name !== path && isFile(path))) throw new AppError("not_found");
      return await sendStaticFile(request, reply, page, keptFor(name));
    });
  }
}

/**
 * Whether a path asks for a file, and not for a place in the application: it ends as file names do.
 *
 * Names of event types have dots as well, and longer words behind them.
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
            // The header says what is told; by it the API knows the portal's pages.
            .replaceAll(/<meta name="referrer"[^>]*>\s*/g, ""),
        )
      : file;
  return staticFile(name, bytes);
}

/** A name with a hash in it never stands for anything else; the page that names the others is always asked for. */
const keptFor = (name: string): Kept => {
  if (name === "index.html") return "not";
  return /^assets\/.*-[\w-]{8}\.\w+$/.test(name) ? "immutable" : "asked-again";
};

/** What a page tells its browser on top of what every answer does: scripts, styles and data of this service and of nobody else. */
function pageHeaders(mount: Mount, { portalOrigins }: Config): Record<string, string> {
  const embedded = mount === "/portal" && portalOrigins.length > 0;
  const policy = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    // A customer's logo may come from anywhere.
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
    // The API tells by it whether the dashboard or the portal asks; no other site learns of it.
    "referrer-policy": "same-origin",
    ...(embedded ? {} : { "x-frame-options": "DENY" }),
  };
}

const unbuilt =
  "The dashboard is not built. In a checkout, run: npm run build -w packages/dashboard";
