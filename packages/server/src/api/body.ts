import type { FastifyInstance, FastifyRequest } from "fastify";
import { type JsonText, jsonItems, scanJson } from "../domain/json-text.ts";
import { AppError } from "../errors.ts";

/** The largest body, in bytes, of a request that is no batch. */
export const bodyBytesMax = 256 * 1024;

const depthMax = 64;
// The byte order mark is kept: it is not JSON, so it is refused like any other invalid character (RFC 8259 §8.1).
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Accepts bodies of this one media type, strictly: UTF-8, one JSON object, no key twice, 64 levels.
 *
 * Where `lists` is true, the body may be a list too; its members are its items, by their index.
 */
export function acceptJson(
  app: FastifyInstance,
  mediaType = "application/json",
  { lists = false } = {},
): void {
  app.addContentTypeParser<Buffer>(mediaType, { parseAs: "buffer" }, (request, bytes, done) => {
    try {
      done(null, readBody(request, bytes, lists));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** Removes all parsers but JSON's, and refuses compressed bodies before reading them. */
export function acceptOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  acceptJson(app);
  app.addHook("onRequest", async (request) => {
    request.bodyMembers = noMembers;
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") {
      throw new AppError("unsupported_media_type", "Send the body uncompressed.");
    }
  });
  // A route without a body schema accepts no body or an empty object.
  app.addHook("preValidation", async (request) => {
    if (request.routeOptions.schema?.body || request.bodyMembers.size === 0) return;
    throw new AppError("invalid_request", "This request must not have a body.", [
      { loc: ["body"], msg: "must be empty", type: "unknown_field" },
    ]);
  });
}

const noMembers: ReadonlyMap<string, JsonText> = new Map();

function readBody(request: FastifyRequest, bytes: Buffer, lists: boolean): unknown {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(
    request.headers["content-type"] ?? "",
  )?.[1];
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new AppError("unsupported_media_type", "Send the body as UTF-8.");
  }
  if (bytes.length === 0) return undefined;
  const scan = scanJson(decode(bytes), { depthMax });
  if (!scan.ok) {
    throw new AppError("malformed_body", `The body is not accepted: ${scan.reason}.`);
  }
  const items = lists && Array.isArray(scan.value) ? jsonItems(scan.text) : undefined;
  const members = scan.members ?? (items && new Map(items.map((item, i) => [String(i), item])));
  if (members === undefined) {
    throw new AppError("malformed_body", "The body must be a JSON object.");
  }
  request.bodyMembers = members;
  request.bodyBytes = bytes;
  return scan.value;
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new AppError("malformed_body", "The body is not valid UTF-8.");
  }
}
