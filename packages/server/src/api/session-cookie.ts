import type { IncomingHttpHeaders } from "node:http";

/** Browsers keep a cookie of this prefix only with Secure and Path=/, and take it from no other host. */
const name = "__Host-postrider_session";
const attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";

/** The `Set-Cookie` that hands a session's token to a browser; it goes when the browser is closed. */
export const setSessionCookie = (token: string): string => `${name}=${token}; ${attributes}`;

/** The `Set-Cookie` that takes it away. */
export const clearSessionCookie = `${name}=; ${attributes}; Max-Age=0`;

/** Reads the token out of a request's cookies; undefined unless there is exactly one. */
export function sessionTokenIn({ cookie }: IncomingHttpHeaders): string | undefined {
  const given = (cookie ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return given.length === 1 ? given[0]?.slice(name.length + 1) : undefined;
}
