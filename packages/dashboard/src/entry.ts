import { signIn } from "./api/session.ts";
import { place } from "./place.ts";
import { refusalIn } from "./words/sign-in-refusals.ts";

const wantedKey = "postrider.wanted";

/** Notes which page was wanted, as the provider sends everybody back to the first one. */
export function noteWanted(): void {
  sessionStorage.setItem(wantedKey, location.pathname + location.search);
}

/** Goes to the page that was wanted before the provider's sign-in, if there is one: a page of these and no other. */
function goToWanted(): void {
  // A customer comes by a link alone, and in a frame there may be no storage to ask.
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
 * Signs in with the token of the address, if it has one, and takes it out of the address and the history at once.
 *
 * Gives why it did not work, or null. It is called once, before anything is shown: the token works only once.
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
