import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openTestProvider } from "../../../server/test/support/oidc-provider.ts";
import { findFreePort } from "../../../server/test/support/ports.ts";
import { browserMissing, openPages } from "./support/pages.ts";

/** Kept for people who look. */
const screenshots = path.resolve(import.meta.dirname, "../../screenshots");

for (const [width, dark] of [
  [1280, false],
  [390, true],
] as const) {
  test.skipIf(browserMissing)(
    `a person signs in with the provider, is named in the page, and signs out: ${width}`,
    async () => {
      const port = await findFreePort();
      const url = `http://127.0.0.1:${port}`;
      const provider = await openTestProvider(`${url}/dashboard/sign-in/callback`);
      onTestFinished(() => provider.close());
      const pages = await openPages({
        signedIn: false,
        width,
        dark,
        env: { ...provider.env, POSTRIDER_OIDC_NAME: "Northside Clinics", PORT: String(port) },
      });
      const { page, go, problems } = pages;
      const shoot = (name: string) =>
        page.screenshot({ path: path.join(screenshots, `sign-in-${name}-${width}.png`) });

      await go("/");
      await page.getByRole("link", { name: "Sign in with Northside Clinics" }).waitFor();
      await shoot("provider");
      provider.accounts.ada = { name: "Ada Lovelace", postrider_teams: "strangers" };
      await page.getByRole("link", { name: "Sign in with Northside Clinics" }).click();
      await page.getByText("your account names no team of this service").waitFor();
      expect(page.url()).toBe(`${url}/dashboard/`);
      await shoot("refused");

      provider.accounts.ada = { name: "Ada Lovelace", postrider_teams: "default" };
      await page.getByRole("link", { name: "Sign in with Northside Clinics" }).click();
      // An empty service leads on to the first steps.
      await page.getByRole("heading", { name: /^(?:Overview|Start here)$/ }).waitFor();
      // A page that was wanted before is shown after it.
      await page.context().clearCookies();
      await go("/deliveries?status=failed");
      await page.getByRole("link", { name: "Sign in with Northside Clinics" }).click();
      await page.getByRole("heading", { name: "Deliveries" }).waitFor();
      expect(page.url()).toBe(`${url}/dashboard/deliveries?status=failed`);
      if (width < 900) await page.getByRole("button", { name: "Menu" }).click();
      await page.getByText("Ada Lovelace · UTC").waitFor();
      // Nothing of `read` alone leads to what takes more.
      expect(await page.getByRole("link", { name: "API keys" }).count()).toBe(0);
      await page.getByRole("button", { name: /Ada Lovelace/ }).click();
      await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
      // The provider asks as well, and sends the browser back.
      await page.getByRole("button", { name: "Yes, sign me out" }).click();
      await page.getByRole("link", { name: "Sign in with Northside Clinics" }).waitFor();
      expect(page.url()).toBe(`${url}/dashboard/`);
      expect(await page.context().cookies(`${url}/dashboard/sign-out`)).toEqual([]);

      await provider.close();
      // It is asked for once a second at the most.
      const leadsTo = async () => {
        const answer = await page.request.get(`${url}/dashboard/sign-in`, { maxRedirects: 0 });
        return answer.headers().location;
      };
      await expect.poll(leadsTo).toContain("#refused=provider_away");
      await page.getByRole("link", { name: "Sign in with Northside Clinics" }).click();
      await page.getByText("cannot be reached at the moment").waitFor();
      expect(problems.filter((one) => one !== `a request to ${provider.issuer}`)).toEqual([]);
    },
  );
}
