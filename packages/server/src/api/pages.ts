import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { BuiltFiles } from "../built-dashboard.ts";
import type { Config } from "../config.ts";
import { AppError } from "../errors.ts";
import type { ApiDeps } from "./deps.ts";

/** The pages: one application, for operators and, embedded where they are, for customers. */
const mounts = ["/dashboard", "/portal"] as const;
type Mount = (typeof mounts)[number];

const compress = promisify(gzip);

/** A file as it is sent; it is compressed when somebody first asks for it so. */
type Page = { type: string; bytes: Buffer; etag: string; zipped?: Promise<Buffer> };

/** Serves the built application under /dashboard and /portal; what it shows comes through the API like everybody's. */
export function servePages(app: FastifyInstance, { config, builtDashboard }: ApiDeps): void {
  const route = { config: { scope: "none" }, schema: { hide: true } } as const;
  for (const mount of mounts) {
    const headers = pageHeaders(mount, config);
    let pages: ReadonlyMap<string, Page> | undefined;
    // What it loads stands beside it, and not beside the address of one of its pages.
    app.get(mount, route, async (_request, reply) => reply.redirect(`${mount}/`, 308));
    app.get(`${mount}/*`, route, async (request, reply) => {
      pages ??= pagesOf(mount, builtDashboard());
      reply.headers(headers);
      if (!pages) return sendUnbuilt(reply);
      // Compared as it was sent: no spelling of a path leads to a file that has another name.
      const [path = ""] = request.url.slice(mount.length + 1).split("?", 1);
      const name = pages.has(path) ? path : "index.html";
      const page = pages.get(name);
      if (!page || (name !== path && isFile(path))) throw new AppError("not_found");
      return await sendPage(request, reply, name, page);
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
): ReadonlyMap<string, Page> | undefined {
  return files && new Map([...files].map(([name, bytes]) => [name, pageOf(mount, name, bytes)]));
}

function pageOf(mount: Mount, name: string, file: Buffer): Page {
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
  const type = types[/\.(\w+)$/.exec(name)?.[1] ?? ""] ?? "application/octet-stream";
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  return { type, bytes, etag };
}

const text = (type: string): string => `${type}; charset=utf-8`;
const types: Readonly<Record<string, string>> = {
  css: text("text/css"),
  html: text("text/html"),
  ico: "image/x-icon",
  js: text("text/javascript"),
  json: text("application/json"),
  map: text("application/json"),
  png: "image/png",
  svg: text("image/svg+xml"),
  txt: text("text/plain"),
  webmanifest: text("application/manifest+json"),
  woff2: "font/woff2",
};

/** Types that gzip makes smaller. */
const isText = (type: string): boolean => type.endsWith("charset=utf-8");

async function sendPage(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  name: string,
  page: Page,
): Promise<FastifyReply> {
  reply.type(page.type).header("cache-control", cachedFor(name));
  if (name !== "index.html") {
    reply.header("etag", page.etag);
    const known = String(headers["if-none-match"] ?? "").split(/\s*,\s*/);
    if (known.includes(page.etag) || known.includes(`W/${page.etag}`))
      return reply.code(304).send();
  }
  let { bytes } = page;
  if (isText(page.type)) {
    reply.header("vary", "accept-encoding");
    if (takesGzip(headers["accept-encoding"])) {
      page.zipped ??= compress(page.bytes, { level: 9 });
      bytes = await page.zipped;
      reply.header("content-encoding", "gzip");
    }
  }
  reply.header("content-length", bytes.length);
  return reply.send(bytes);
}

/** A name with a hash in it never stands for anything else; the page that names the others is always asked for. */
const cachedFor = (name: string): string => {
  if (name === "index.html") return "no-store";
  const hashed = /^assets\/.*-[\w-]{8}\.\w+$/.test(name);
  return hashed ? "public, max-age=31536000, immutable" : "no-cache";
};

/** Whether a browser takes gzip (RFC 9110 §12.5.3): it names it, and not as `q=0`. */
const takesGzip = (accepted: string | string[] | undefined): boolean =>
  String(accepted ?? "")
    .split(",")
    .some((one) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(one));

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

const unbuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Postrider</title>
<p>The dashboard is not built. In a checkout, run: npm run build -w packages/dashboard</p>
`;

const sendUnbuilt = (reply: FastifyReply): FastifyReply =>
  reply.code(404).type(text("text/html")).send(unbuilt);
