import type { Me, SignIn } from "@postrider/sdk";
import { queryOptions } from "@tanstack/react-query";
import { ApiFailure } from "./problem.ts";
import { actFor, ask } from "./request.ts";

/** Who is signed in, and for a session of the portal what its link grants. */
export type Viewer = Me;

/** What a session or key may do. */
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

/** Opens a session with a key, or with the token of a link that works once. */
export const signIn = (way: { api_key: string } | { login_token: string }): Promise<unknown> =>
  ask("POST", "/v1/sessions", { body: way });

/** Ends this browser's session. */
export const signOut = (): Promise<unknown> => ask("DELETE", "/v1/sessions/current");

/** Lets the session act for another of its teams. */
export const switchTeam = (teamId: string): Promise<unknown> =>
  ask("PATCH", "/v1/sessions/current", { body: { team_id: teamId } });

/** How people sign in besides with a key. */
export const waysInQuery = queryOptions({
  queryKey: ["ways in"],
  queryFn: ({ signal }) => ask<SignIn>("GET", "/v1/sign-in", { signal, team: null }),
  staleTime: Number.POSITIVE_INFINITY,
});
