import { cookieIn } from "./session-cookie.ts";

const name = "__Secure-postrider_id_token";
/** Where a browser signs out at the provider: the only path that needs the cookie. Other requests do not carry it. */
export const signOutPath = "/dashboard/sign-out";
const attributes = `Path=${signOutPath}; Secure; HttpOnly; SameSite=Strict`;
/** Browsers refuse cookies of more than 4,096 bytes. */
const lengthMax = 3_800;
const tooLong = "-";

/** The `Set-Cookie` that keeps a person's ID token in the browser until the person signs out. */
export const setIdTokenCookie = (idToken: string): string =>
  `${name}=${idToken.length > lengthMax ? tooLong : idToken}; ${attributes}`;

/** The `Set-Cookie` that deletes it. */
export const clearIdTokenCookie = `${name}=; ${attributes}; Max-Age=0`;

/**
 * Reads the cookie; undefined when this browser did not sign in with the provider.
 *
 * `idToken` is undefined when the token was too long for a cookie.
 */
export function readIdTokenCookie(
  cookies: string | undefined,
): { idToken: string | undefined } | undefined {
  const value = cookieIn(cookies ?? "", name);
  if (value === undefined || value === "") return undefined;
  return { idToken: /^[\w-]+(?:\.[\w-]*)+$/.test(value) ? value : undefined };
}
