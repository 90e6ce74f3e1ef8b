import type { Keyring } from "../secrets.ts";
import type { Pending } from "./provider.ts";
import { cookieIn } from "./session-cookie.ts";

const name = "__Host-postrider_sign_in";
// Lax: the browser comes back from the provider's site.
const attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
/** Time to sign in at the provider, a second factor included. */
const secondsMax = 600;
const tagBytes = 16;

/** The cookies that bind a sign-in to the browser that began it. */
export type PendingCookies = {
  /** Makes the `Set-Cookie` that the browser sends when it returns from the provider. */
  set(pending: Pending): string;
  /** The `Set-Cookie` that deletes it, because it is used once. */
  clear: string;
  /** Reads it; undefined when it is missing, older than ten minutes, or was not made by this service. */
  read(cookies: string | undefined): Pending | undefined;
};

/** Makes and reads such cookies. They have a tag (a MAC) and are not stored: an unfinished sign-in leaves no data here. */
export function openPendingCookies(keyring: Keyring, nowMs: () => number): PendingCookies {
  const tagged = (text: string) => `sign-in ${text}`;
  return {
    set(pending) {
      const text = JSON.stringify({ ...pending, untilMs: nowMs() + secondsMax * 1_000 });
      const bytes = Buffer.concat([keyring.tag(tagged(text)), Buffer.from(text)]);
      return `${name}=${bytes.toString("base64url")}; ${attributes}; Max-Age=${secondsMax}`;
    },
    clear: `${name}=; ${attributes}; Max-Age=0`,
    read(cookies) {
      const bytes = Buffer.from(cookieIn(cookies ?? "", name) ?? "", "base64url");
      const text = bytes.toString("utf8", tagBytes);
      if (!keyring.isTag(bytes.subarray(0, tagBytes), tagged(text))) return undefined;
      const { untilMs, ...pending } = JSON.parse(text) as Pending & { untilMs: number };
      return untilMs > nowMs() ? pending : undefined;
    },
  };
}
