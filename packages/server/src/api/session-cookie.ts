import type { IncomingHttpHeaders } from "node:http";

/** Whose session a cookie is: of the dashboard, or of the portal, which other sites may show in a frame. */
export type SessionKind = "dashboard" | "portal";

/** Browsers keep a cookie of this prefix only with Secure and Path=/, and take it from no other host. */
const names: Readonly<Record<SessionKind, string>> = {
  dashboard: "__Host-postrider_session",
  portal: "__Host-postrider_portal",
};

const attributes: Readonly<Record<SessionKind, string>> = {
  dashboard: "Path=/; Secure; HttpOnly; SameSite=Strict",
  // In a frame of another site, kept apart for each site that shows it.
  portal: "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
};

/** The `Set-Cookie` that hands a session's token to a browser; it goes when the browser is closed. */
export const setSessionCookie = (kind: SessionKind, token: string): string =>
  `${names[kind]}=${token}; ${attributes[kind]}`;

/** The `Set-Cookie` that takes it away. */
export const clearSessionCookie = (kind: SessionKind): string =>
  `${names[kind]}=; ${attributes[kind]}; Max-Age=0`;

/**
 * Reads the token by which a request is asked out of its cookies.
 *
 * A page of the portal never asks as the dashboard's session: a frame could make an operator click there. Of others the
 * dashboard's counts first.
 */
export function sessionTokenIn({
  cookie = "",
  referer = "",
}: IncomingHttpHeaders): { kind: SessionKind; token: string } | undefined {
  const isPortal = /^https?:\/\/[^/]+\/portal(?:[/?]|$)/.test(referer);
  const kinds = isPortal ? (["portal"] as const) : (["dashboard", "portal"] as const);
  for (const kind of kinds) {
    const token = cookieIn(cookie, names[kind]);
    if (token !== undefined) return { kind, token };
  }
  return undefined;
}

/** The value of a cookie; of two of one name nobody can tell which is meant. */
export function cookieIn(cookies: string, name: string): string | undefined {
  const given = cookies
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return given.length === 1 ? given[0]?.slice(name.length + 1) : undefined;
}
