import type { Me, SignIn } from "@postrider/sdk";
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { place } from "../place.ts";
import { ApiFailure } from "./problem.ts";
import { actFor, ask } from "./request.ts";

/** The signed-in caller; for a portal session, with the access of its link. */
export type Viewer = Me;

/** A scope of a session or key. */
export type Scope = Me["scopes"][number];

/** Who is signed in; null when nobody is. */
export const viewerQuery = queryOptions({
  queryKey: ["viewer"],
  queryFn: async ({ signal }): Promise<Viewer | null> => {
    try {
      const viewer = await ask<Viewer>("GET", "/accounts/v1/users/me", { signal, team: null });
      actFor(viewer.team_id);
      return viewer;
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});

/** Opens a session with a key, or with the token of a one-time link. */
export const signIn = (way: { api_key: string } | { login_token: string }): Promise<unknown> =>
  ask("POST", "/v1/sessions", { body: way });

/** Ends this browser's session. */
export const signOut = (): Promise<unknown> => ask("DELETE", "/v1/sessions/current");

/** Lets the session act for another of its teams. */
export const switchTeam = (teamId: string): Promise<unknown> =>
  ask("PATCH", "/v1/sessions/current", { body: { team_id: teamId } });

/** The ways to sign in besides a key. */
export const waysInQuery = queryOptions({
  queryKey: ["ways in"],
  queryFn: ({ signal }) => ask<SignIn>("GET", "/v1/sign-in", { signal, team: null }),
  staleTime: Number.POSITIVE_INFINITY,
});

/**
 * Goes where a browser goes after its session has ended: to the provider's sign-out if there is a provider, which sends
 * the browser back. The page is loaded again, so that nothing of the former viewer stays in memory.
 */
export async function leave(client: QueryClient): Promise<void> {
  const { provider } =
    place.kind === "dashboard"
      ? await client.ensureQueryData(waysInQuery).catch(() => ({ provider: null }))
      : { provider: null };
  location.assign(provider?.sign_out_url ?? `${place.base}/`);
}
