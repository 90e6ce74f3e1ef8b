import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

const dist = path.resolve(import.meta.dirname, "../../../dist");

/** What the service sends with the pages: no inline script or style, and nothing from elsewhere. */
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** Where the pages are, and how many requests of which path came in since the start. */
export type DistServer = {
  url: string;
  requests: { method: string; path: string }[];
  close: () => Promise<void>;
};

/**
 * Serves the built pages before a running service, with sessions as the service has them.
 *
 * The browser's cookie stands for the key; a request that changes something without its header is refused. `viewer`
 * says otherwise who is signed in, as for a session of the portal.
 */
export async function serveDist(
  service: { url: string; key: string },
  {
    port = 0,
    signedIn = false,
    viewer,
  }: { port?: number; signedIn?: boolean; viewer?: Record<string, unknown> } = {},
): Promise<DistServer> {
  const requests: DistServer["requests"] = [];
  const server = createServer((incoming, answer) => {
    const { pathname } = new URL(incoming.url ?? "/", "http://localhost");
    requests.push({ method: incoming.method ?? "", path: pathname });
    const page = /^\/(?:dashboard|portal)(\/.*)?$/.exec(pathname);
    if (page) void sendFile(answer, page[1] ?? "/");
    else void handle(incoming, answer, pathname);
  });
  const isIn = (incoming: IncomingMessage): boolean =>
    signedIn || /(?:^|; )session=1/.test(incoming.headers.cookie ?? "");

  const handle = async (
    incoming: IncomingMessage,
    answer: ServerResponse,
    pathname: string,
  ): Promise<void> => {
    if (incoming.method !== "GET" && incoming.headers["x-postrider-request"] !== "1") {
      return refuse(answer, 403, "The header x-postrider-request is missing.");
    }
    if (incoming.method === "POST" && pathname === "/v1/sessions") {
      const body = JSON.parse(await textOf(incoming)) as { api_key?: string; login_token?: string };
      if (body.api_key !== service.key && body.login_token !== "once") {
        return refuse(answer, 401, "The API key is missing or unknown.");
      }
      answer.writeHead(201, {
        "content-type": "application/json",
        "set-cookie": "session=1; Path=/; HttpOnly; SameSite=Strict",
      });
      answer.end(JSON.stringify({ id: "1", scopes: [], expires_at: null }));
      return;
    }
    if (!isIn(incoming)) return refuse(answer, 401, "The API key is missing or unknown.");
    if (incoming.method === "DELETE" && pathname === "/v1/sessions/current") {
      answer.writeHead(204, { "set-cookie": "session=; Path=/; Max-Age=0" }).end();
      return;
    }
    if (viewer && pathname === "/accounts/v1/users/me") {
      const me = await fetch(new URL(pathname, service.url), {
        headers: { authorization: `Bearer ${service.key}` },
      });
      answer.writeHead(200, { "content-type": "application/json" });
      answer.end(JSON.stringify({ ...((await me.json()) as object), ...viewer }));
      return;
    }
    pass(incoming, answer, new URL(incoming.url ?? "/", service.url), service.key);
  };

  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends a file of the build, or the one page for whatever is no file. */
async function sendFile(answer: ServerResponse, name: string): Promise<void> {
  const file = /^\/(?:assets\/)?[\w.-]+\.\w+$/.test(name) ? name : "/index.html";
  try {
    const content = await readFile(path.join(dist, file));
    answer.writeHead(200, {
      "content-type": types[path.extname(file)] ?? "application/octet-stream",
      "content-security-policy": csp,
      "cache-control": file === "/index.html" ? "no-cache" : "max-age=31536000, immutable",
    });
    answer.end(content);
  } catch {
    answer.writeHead(404).end();
  }
}

function pass(incoming: IncomingMessage, answer: ServerResponse, to: URL, key: string): void {
  const { cookie: _, host: __, ...headers } = incoming.headers;
  const outgoing = request(
    to,
    { method: incoming.method, headers: { ...headers, authorization: `Bearer ${key}` } },
    (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    },
  );
  outgoing.on("error", () => answer.destroy());
  answer.on("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
}

function refuse(answer: ServerResponse, status: number, detail: string): void {
  answer.writeHead(status, { "content-type": "application/problem+json" });
  answer.end(
    JSON.stringify({ status, detail, title: detail, code: "unauthorized", request_id: "req_test" }),
  );
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
