import type { PortalLinkCreate } from "@postrider/sdk";

/** The values in the form of a portal link. */
export type LinkDraft = {
  team: string;
  access: "read" | "manage";
  /** Only the chosen endpoints, and not all. */
  some: boolean;
  endpoints: readonly string[];
  seconds: number;
  accent: string;
  background: string;
  logo: string;
};

/** The form's first values: the least access that a link can give, for an hour. */
export const newLinkDraft = (team: string): LinkDraft => ({
  team,
  access: "read",
  some: false,
  endpoints: [],
  seconds: 3_600,
  accent: "",
  background: "",
  logo: "",
});

/** Makes the request body of the form; empty values are left out. */
export function portalLinkOf(draft: LinkDraft): PortalLinkCreate {
  const theme = Object.fromEntries(
    [
      ["accent", draft.accent],
      ["background", draft.background],
      ["logo_url", draft.logo],
    ]
      .map(([name, value = ""]) => [name, value.trim()])
      .filter(([, value]) => value !== ""),
  );
  return {
    team_id: draft.team,
    access: draft.access,
    expires_in_seconds: draft.seconds,
    ...(draft.some && { endpoint_ids: [...draft.endpoints] }),
    ...(Object.keys(theme).length > 0 && { theme }),
  };
}
