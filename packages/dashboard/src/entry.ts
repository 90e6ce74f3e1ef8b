import { signIn } from "./api/session.ts";

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
  if (token === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await signIn({ login_token: token });
    return null;
  } catch (error) {
    return error;
  }
}
