import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";

const compress = promisify(gzip);

/** A file as it is sent; it is compressed at the first request for gzip. */
export type StaticFile = { type: string; bytes: Buffer; etag: string; zipped?: Promise<Buffer> };

/** Prepares a file to be sent, by its name and bytes. */
export function staticFile(name: string, bytes: Buffer): StaticFile {
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
  md: text("text/markdown"),
  png: "image/png",
  svg: text("image/svg+xml"),
  txt: text("text/plain"),
  webmanifest: text("application/manifest+json"),
  woff2: "font/woff2",
};

/** Types that gzip makes smaller. */
const isText = (type: string): boolean => type.endsWith("charset=utf-8");

/** How a browser caches a file: for ever, with revalidation, or not at all. */
export type Kept = "immutable" | "asked-again" | "not";
const cacheControl: Readonly<Record<Kept, string>> = {
  immutable: "public, max-age=31536000, immutable",
  "asked-again": "no-cache",
  not: "no-store",
};

/** Sends a file: compressed if the client accepts it, and as 304 without a body if the client has it already. */
export async function sendStaticFile(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  file: StaticFile,
  kept: Kept,
): Promise<FastifyReply> {
  reply.type(file.type).header("cache-control", cacheControl[kept]);
  if (kept !== "not") {
    reply.header("etag", file.etag);
    const known = String(headers["if-none-match"] ?? "").split(/\s*,\s*/);
    if (known.includes(file.etag) || known.includes(`W/${file.etag}`))
      return reply.code(304).send();
  }
  let { bytes } = file;
  if (isText(file.type)) {
    reply.header("vary", "accept-encoding");
    if (takesGzip(headers["accept-encoding"])) {
      file.zipped ??= compress(file.bytes, { level: 9 });
      bytes = await file.zipped;
      reply.header("content-encoding", "gzip");
    }
  }
  reply.header("content-length", bytes.length);
  return reply.send(bytes);
}

/** Whether a client accepts gzip (RFC 9110 §12.5.3): it lists it, and not with `q=0`. */
const takesGzip = (accepted: string | string[] | undefined): boolean =>
  String(accepted ?? "")
    .split(",")
    .some((one) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(one));

/** Answers that an application was not built, with a page that says so. */
export const sendUnbuilt = (reply: FastifyReply, sentence: string): FastifyReply =>
  reply
    .code(404)
    .type(text("text/html"))
    .send(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Postrider</title>
<p>${sentence}</p>
`);
