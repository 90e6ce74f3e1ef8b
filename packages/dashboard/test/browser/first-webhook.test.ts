import { expect, test } from "vitest";
import { browserMissing, makeSignInLink, openPages } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "first webhook in a minute: from the key to the delivery, in the page alone",
  async () => {
    const { page, go, service, receiver, problems } = await openPages({ signedIn: false });
    const startedAt = performance.now();
    await go("/");
    await page.getByLabel("API key").fill("prk_dev_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("No such key.").waitFor();
    await page.getByLabel("API key").fill(service.key);
    await page.getByRole("button", { name: "Sign in" }).click();

    // Nothing is there yet: the overview is the three steps.
    await page.getByRole("heading", { name: "Start here" }).waitFor();
    const [first, second, third] = [1, 2, 3].map((n) =>
      page.getByRole("region", { name: `Step ${n}` }),
    );
    await first?.getByLabel("Receiver's URL").fill("http://10.0.0.1/hook");
    await first?.getByRole("button", { name: "Subscribe it here" }).click();
    await first
      ?.getByText(/address/i)
      .first()
      .waitFor();
    await first?.getByLabel("Receiver's URL").fill(`${receiver.origin}/hook`);
    await first?.getByRole("button", { name: "Subscribe it here" }).click();
    await first?.getByText("done").waitFor();
    await second?.getByRole("button", { name: "Report one here" }).click();
    await second?.getByText("done").waitFor();
    await third?.getByText("done").waitFor();
    await third?.getByRole("link").filter({ hasText: "workflow_run_started" }).click();
    await page.getByRole("article", { name: "Delivery" }).getByText("Delivered").waitFor();
    const seconds = (performance.now() - startedAt) / 1_000;
    console.log(`from the sign-in page to the first delivery: ${seconds.toFixed(1)} s`);

    expect(seconds).toBeLessThan(60);
    expect(receiver.requests.map(({ path }) => path)).toContain("/hook");
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "a sign-in link works once and leaves the address at once; signing out shows nothing any more",
  async () => {
    const pages = await openPages({ signedIn: false });
    const { page, problems } = pages;
    const link = await makeSignInLink(pages);
    await page.goto(link);
    await page.getByRole("heading", { name: "Start here" }).waitFor();
    expect(page.url()).not.toContain("login");
    await page.getByRole("complementary").getByRole("button").click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await page.getByRole("navigation").count()).toBe(0);
    await page.goto(link);
    await page.getByText("This sign-in link has expired or was used.").waitFor();
    expect(problems).toEqual([]);
  },
);
