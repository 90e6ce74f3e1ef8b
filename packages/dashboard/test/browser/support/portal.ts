import type { Pages } from "./pages.ts";

const theme = { accent: "#d4380d", background: "#fff7e6" };

/** Opens the portal as a customer does; gives the function that goes to its pages. */
export async function openPortal(
  { page, context, service }: Pages,
  access: "read" | "manage",
): Promise<(path: string) => Promise<void>> {
  const { url } = service.server;
  const { body: me } = await service.call("GET", "/accounts/v1/users/me");
  const made = await service.call("POST", "/v1/portal-links", {
    team_id: me.team_id,
    access,
    expires_in_seconds: 600,
    theme,
  });
  if (made.status === 201) {
    await context.clearCookies();
    await page.goto(made.body.url);
  } else if (made.status !== 404) {
    throw new Error(`the portal link was refused: ${JSON.stringify(made.body)}`);
  } else {
    // A service that makes no links yet: the pages are told what a link's session would be told.
    const scopes = access === "read" ? ["read"] : ["read", "write", "payload"];
    const viewer = { ...me, scopes, portal: { access, endpoint_ids: null, theme } };
    await context.route("**/accounts/v1/users/me", (route) => route.fulfill({ json: viewer }));
    await page.goto(`${url}/portal/`);
  }
  await page.getByRole("heading", { level: 1 }).waitFor();
  return async (path) => {
    await page.goto(`${url}/portal${path}`);
  };
}
