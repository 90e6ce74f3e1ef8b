import { signIn } from "./api/session.ts";
import { place } from "./place.ts";
import { refusalIn } from "./words/sign-in-refusals.ts";

const wantedKey = "postrider.wanted";

/** Stores the requested page, because the provider sends everybody back to the first page. */
export function noteWanted(): void {
  sessionStorage.setItem(wantedKey, location.pathname + location.search);
}

/** Goes to the page that was requested before the sign-in, if there is one; only to pages of this application. */
function goToWanted(): void {
  // Customers come only by a link, and in a frame there may be no storage.
  if (place.kind === "portal") return;
  const wanted = sessionStorage.getItem(wantedKey);
  sessionStorage.removeItem(wantedKey);
  if (wanted?.startsWith(`${place.base}/`)) history.replaceState(null, "", wanted);
}

/** The provider's sign-in did not work; the message is a sentence for people. */
export class SignInRefused extends Error {}

/** Finds the token of a link that signs in: `#login=…`. */
export function loginTokenOf(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, "")).get("login") || undefined;
}

/**
 * Signs in with the token of the address, if it has one, and removes it from the address and the history at once.
 *
 * Returns the error, or null. Call it once, before anything is shown: the token works only once.
 */
export async function enter(): Promise<unknown> {
  const token = loginTokenOf(location.hash);
  const refusal = refusalIn(location.hash);
  if (token !== undefined || refusal !== undefined) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  goToWanted();
  if (token === undefined && refusal === undefined) return null;
  if (token === undefined) return new SignInRefused(refusal);
  try {
    await signIn({ login_token: token });
    return null;
  } catch (error) {
    return error;
  }
}
