import { expect, test } from "vitest";
import { browserMissing, openPages } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "seed 004's form: enable, URL, headers, time-out, secret and five messages, and what it does",
  async () => {
    const { page, go, service, receiver, problems } = await openPages();
    await go("/assistants?new=yes");
    await page.getByLabel("Name", { exact: true }).fill("Reception");
    await page.getByRole("button", { name: "Create" }).click();
    // Enabled without a URL and messages: the API's words stand at the fields, and the focus at the first.
    const url = page.getByLabel("Server URL");
    await expect.poll(() => url.getAttribute("aria-invalid")).toBe("true");
    await url.fill(`${receiver.origin}/calls`);
    await page.getByLabel("Time-out in seconds").fill("61");
    await page.getByRole("button", { name: "all", exact: true }).click();
    await page.getByRole("button", { name: "Create" }).click();
    const timeout = page.getByLabel("Time-out in seconds");
    await expect.poll(() => timeout.getAttribute("aria-invalid")).toBe("true");
    await expect
      .poll(() => timeout.evaluate((field) => field === document.activeElement))
      .toBe(true);
    await timeout.fill("7");
    await page.getByLabel("Secret").fill("s3cret-of-the-server");
    await page.getByRole("button", { name: "Add a header" }).click();
    await page.getByLabel("Header name").fill("x-clinic");
    await page.getByLabel("Value of x-clinic").fill("north");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByText("Reception is saved").waitFor();

    // Saved as the contract has it, and the secret is not shown again.
    await expect
      .poll(() => page.getByLabel("Secret", { exact: true }).getAttribute("placeholder"))
      .toContain("is set");
    const { body } = await service.call("GET", "/assistants/v1/assistants");
    expect(body.assistants).toMatchObject([
      {
        name: "Reception",
        assistantServer: {
          enabled: true,
          url: `${receiver.origin}/calls`,
          timeoutSeconds: 7,
          hasSecret: true,
          headerNames: ["x-clinic"],
          messages: ["status-update", "conversation-update", "end-of-call-report", "hang", "error"],
        },
      },
    ]);

    // A call is told there, with the header and the secret.
    const call = await service.call("POST", "/calls/v1/conversations", {
      assistantId: body.assistants[0].id,
      status: "ongoing",
      userNumber: "+15550142",
    });
    const path = `/calls/v1/conversations/${call.body.id}`;
    await service.call("POST", `${path}/messages`, { role: "assistant", text: "Good morning." });
    await receiver.received(2);
    expect(receiver.requests[0]?.headers).toMatchObject({
      "x-clinic": "north",
      "x-interactly-secret": "s3cret-of-the-server",
    });
    await go(`/calls?call=${call.body.id}`);
    await page.getByText("Good morning.").waitFor();
    await page.getByRole("link").filter({ hasText: "conversation-update" }).first().waitFor();

    // Switched off with one press; the configuration stays.
    await go(`/assistants?assistant=${body.assistants[0].id}`);
    await page.getByLabel("Send messages about this assistant's calls to a server").uncheck();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Reception is saved").waitFor();
    const after = await service.call("GET", `/assistants/v1/assistants/${body.assistants[0].id}`);
    expect(after.body.assistantServer).toMatchObject({
      enabled: false,
      url: `${receiver.origin}/calls`,
    });
    expect(problems).toEqual([]);
  },
);
