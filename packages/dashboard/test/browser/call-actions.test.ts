import { expect, test } from "vitest";
import { browserMissing, openPages } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "a call shows its report as it was sent, and is erased with everything of it, named before",
  async () => {
    const pages = await openPages();
    const { page, go, service, receiver, problems } = pages;
    const assistant = await service.call("POST", "/assistants/v1/assistants", {
      name: "Reception",
      assistantServer: {
        enabled: true,
        url: `${receiver.origin}/calls`,
        messages: ["end-of-call-report"],
      },
    });
    const path = "/calls/v1/conversations";
    const call = await service.call("POST", path, {
      assistantId: assistant.body.id,
      status: "ongoing",
    });
    const { id } = call.body;
    await go(`/calls?call=${id}`);
    await page.getByRole("button", { name: "Erase…" }).waitFor();
    expect(await page.getByRole("link", { name: "Report as sent" }).count()).toBe(0);
    await service.call("POST", `${path}/${id}/end`, { cost: { total: 1 }, analysis: {} });
    await receiver.received(1);
    await page.getByRole("link", { name: "Report as sent" }).click();
    await page.getByRole("heading", { name: "end-of-call-report" }).waitFor();
    expect(page.url()).toContain("/dashboard/delivery?id=");

    await page.goBack();
    await page.getByRole("button", { name: "Erase…" }).click();
    await page.getByRole("dialog", { name: "Erase this call?" }).waitFor();
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("button", { name: "Erase…" }).click();
    await page.getByRole("button", { name: "Erase this call", exact: true }).click();
    await page.getByText("It is erased").waitFor();
    await page.getByRole("heading", { name: "Calls" }).waitFor();
    expect((await service.call("GET", `${path}/${id}`)).status).toBe(404);
    expect((await service.call("GET", "/v1/deliveries")).body.deliveries).toEqual([]);
    expect(problems).toEqual([]);
  },
);
