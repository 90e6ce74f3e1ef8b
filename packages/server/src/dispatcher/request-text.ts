import { ConnectError, unsendable } from "./failures.ts";

/** A request as it is written: `host`, `connection` and `content-length` are added. */
export type Request = {
  method: "POST" | "HEAD";
  /** Path and query. */
  path: string;
  /** Names and values in turn. */
  headers: readonly string[];
  /** Null: none. */
  body: Buffer | null;
};

const pathText = /^[\x21-\x7e\x80-\xff]+$/;
const nameText = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valueText = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The head of a request, to be written in latin1 (RFC 9112 3). Throws `ConnectError` when something cannot be sent. */
export function requestText(host: string, { method, path, headers, body }: Request): string {
  if (!path.startsWith("/") || !pathText.test(path)) throw new ConnectError(unsendable);
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const value = headers[at + 1] ?? "";
    if (!nameText.test(name) || !valueText.test(value)) throw new ConnectError(unsendable);
    text += `${name}: ${value}\r\n`;
  }
  return body === null ? `${text}\r\n` : `${text}content-length: ${body.length}\r\n\r\n`;
}
