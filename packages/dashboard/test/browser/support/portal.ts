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
  if (made.status !== 201) {
    throw new Error(`the portal link was refused: ${JSON.stringify(made.body)}`);
  }
  // Not as the operator any more.
  await context.clearCookies();
  await page.goto(made.body.url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return async (path) => {
    await page.goto(`${url}/portal${path}`);
  };
}
