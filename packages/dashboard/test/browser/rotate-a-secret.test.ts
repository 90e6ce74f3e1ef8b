import { verify } from "@postrider/sdk";
import { expect, test } from "vitest";
import { browserMissing, openPages, subscribe } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "rotate a secret: hidden until asked for, and both secrets hold while they overlap",
  async () => {
    const pages = await openPages();
    const { page, go, receiver, service, problems } = pages;
    const id = await subscribe(pages);
    await go(`/endpoints?endpoint=${id}`);
    const card = page.getByRole("region", { name: "Signing secret" });
    await card.getByText("whsec_••••").waitFor();
    await card.getByRole("button", { name: "Reveal" }).click();
    const secretShown = async () =>
      (await card.getByText(/whsec_[A-Za-z0-9+/=]{20,}/).textContent()) ?? "";
    const old = await secretShown();
    await card.getByRole("button", { name: "Rotate…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
    await card.getByText("is valid as well until").waitFor();
    await expect.poll(secretShown).not.toBe(old);
    const now = await secretShown();

    await page.getByRole("button", { name: "Send a test event…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Event type").selectOption("workflow_run_completed");
    await dialog.getByText('"workflow_run_completed"').first().waitFor();
    await dialog.getByRole("button", { name: "Send", exact: true }).click();
    await dialog.getByText("Delivered").waitFor();
    const sent = receiver.requests[0];
    for (const secret of [old, now]) {
      const event = await verify(sent?.body ?? "", sent?.headers ?? {}, secret);
      expect(event.type).toBe("workflow_run_completed");
    }
    const audit = await service.call("GET", "/v1/audit");
    const actions = audit.body.entries.map(({ action }: { action: string }) => action);
    expect(actions.filter((action: string) => /secret/.test(action))).toHaveLength(2);

    // Hidden again, it is not anywhere in the page.
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await card.getByRole("button", { name: "Hide" }).click();
    await expect.poll(async () => (await page.content()).includes(now)).toBe(false);
    expect(problems).toEqual([]);
  },
);
