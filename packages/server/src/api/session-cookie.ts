import type { IncomingHttpHeaders } from "node:http";

/** The kind of a session: of the dashboard, or of the portal, which other sites may embed in a frame. */
export type SessionKind = "dashboard" | "portal";

/** Browsers accept a cookie with this prefix only with Secure and Path=/, and only from its own host. */
const names: Readonly<Record<SessionKind, string>> = {
  dashboard: "__Host-postrider_session",
  portal: "__Host-postrider_portal",
};

const attributes: Readonly<Record<SessionKind, string>> = {
  dashboard: "Path=/; Secure; HttpOnly; SameSite=Strict",
  // For frames in other sites; the browser keeps one cookie for each embedding site.
  portal: "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
};

/** The `Set-Cookie` that gives a browser a session's token; it ends when the browser is closed. */
export const setSessionCookie = (kind: SessionKind, token: string): string =>
  `${names[kind]}=${token}; ${attributes[kind]}`;

/** The `Set-Cookie` that deletes it. */
export const clearSessionCookie = (kind: SessionKind): string =>
  `${names[kind]}=; ${attributes[kind]}; Max-Age=0`;

/**
 * Reads the session token from a request's cookies.
 *
 * A portal page never uses the dashboard's session: an embedding site could make an operator click there. For other
 * pages, the dashboard's session comes first.
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

/** The value of a cookie; undefined when there are two with the same name. */
export function cookieIn(cookies: string, name: string): string | undefined {
  const given = cookies
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return given.length === 1 ? given[0]?.slice(name.length + 1) : undefined;
}
