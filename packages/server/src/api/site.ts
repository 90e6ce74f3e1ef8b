import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { BuiltFiles } from "../built-files.ts";
import { AppError } from "../errors.ts";
import type { ApiDeps } from "./deps.ts";
import {
  type Kept,
  type StaticFile,
  sendStaticFile,
  sendUnbuilt,
  staticFile,
} from "./static-files.ts";

/** The files of the built documentation, and the policies of its pages. */
type Site = { files: ReadonlyMap<string, StaticFile>; policies: Policies };
type Policies = { pages: string; reference: string };

/** Serves the built documentation under /docs, and its index for programs at /llms.txt as well. */
export function serveSite(app: FastifyInstance, { builtSite }: ApiDeps): void {
  const route = { config: { scope: "none" }, schema: { hide: true } } as const;
  let site: Site | undefined;
  const open = (): Site | undefined => {
    site ??= siteOf(builtSite());
    return site;
  };
  const send = async (request: FastifyRequest, reply: FastifyReply, path: string) => {
    const opened = open();
    const exists = opened && namesOf(path).some((name) => opened.files.has(name));
    // A missing page gets a page as its answer; any other missing file gets the API's 404.
    if (!exists && !isPagePath(path)) throw new AppError("not_found");
    if (!opened) {
      // In a checkout without a build, the plain description of the API is served.
      return path === "" || path === "api/"
        ? reply.redirect("/docs/api/plain")
        : sendUnbuilt(reply, unbuilt);
    }
    return await sendFromSite(request, reply, opened, path);
  };
  // The pages' links are relative to a folder.
  app.get("/docs", route, async (_request, reply) => reply.redirect("/docs/", 308));
  app.get("/docs/api", route, async (_request, reply) => reply.redirect("/docs/api/", 308));
  app.get("/docs/*", route, async (request, reply) => {
    // The path is compared as it was sent, without decoding, so that no other spelling leads to a file.
    const [path = ""] = request.url.slice("/docs/".length).split("?", 1);
    return await send(request, reply, path);
  });
  app.get("/llms.txt", route, (request, reply) => send(request, reply, "llms.txt"));
}

async function sendFromSite(
  request: FastifyRequest,
  reply: FastifyReply,
  { files, policies }: Site,
  path: string,
): Promise<FastifyReply> {
  const isReference = path.startsWith("api/");
  reply.headers({
    "content-security-policy": isReference ? policies.reference : policies.pages,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    // The reference calls the API like the dashboard, which is recognised by the referrer.
    "referrer-policy": "same-origin",
  });
  const name = namesOf(path).find((one) => files.has(one));
  const file = files.get(name ?? "404.html");
  if (!file) return sendUnbuilt(reply, unbuilt);
  if (name === undefined) reply.code(404);
  return await sendStaticFile(request, reply, file, name === undefined ? "not" : keptFor(name));
}

/** The files that a path may mean: itself, a page by its short name, or the page of a folder. */
const namesOf = (path: string): string[] =>
  path === "" || path.endsWith("/") ? [`${path}index.html`] : [path, `${path}.html`];

const isPagePath = (path: string): boolean =>
  path === "llms.txt" || /^(?:[\w-]+\/)*(?:[\w-]+(?:\.html)?)?$/.test(path);

/** A name with a hash always means the same content. */
const keptFor = (name: string): Kept =>
  /^assets\/.*[.-][\w-]{8}\.\w+$/.test(name) ? "immutable" : "asked-again";

/** Hashes of the inline scripts and styles, from the build. */
type Inline = { scripts: readonly string[]; styles: readonly string[] };

/** The build's file of these hashes; it is not served. */
const policyFile = "csp.json";

function siteOf(built: BuiltFiles | undefined): Site | undefined {
  const listed = built?.get(policyFile);
  if (!built || !listed) return undefined;
  const inline = JSON.parse(listed.toString()) as Inline;
  const files = [...built]
    .filter(([name]) => name !== policyFile)
    .map(([name, bytes]) => [name, staticFile(name, bytes)] as const);
  return { files: new Map(files), policies: policiesFor(inline) };
}

/** Policies that allow only scripts, styles and data of this service, and inline ones that the build listed. */
function policiesFor({ scripts, styles }: Inline): Policies {
  const common = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    // Code colours and the state of lists are style attributes; this does not allow style elements.
    "style-src-attr": "'unsafe-inline'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
  };
  const own = (hashes: readonly string[]): string =>
    ["'self'", ...hashes.map((hash) => `'${hash}'`)].join(" ");
  const print = (policy: Record<string, string>): string =>
    Object.entries(policy)
      .map(([name, value]) => `${name} ${value}`)
      .join("; ");
  return {
    pages: print({ ...common, "script-src": own(scripts), "style-src": own(styles) }),
    reference: print(common),
  };
}

const unbuilt =
  "The documentation is not built. In a checkout, run: npm run build -w packages/site. The API is described at /docs/api/plain.";
