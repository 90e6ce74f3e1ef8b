import { expect, test } from "vitest";
import { browserMissing, openPages, type Pages } from "./support/pages.ts";

const listed = "Patient intake";
/** Long, from right to left, and with emoji that need two characters. */
const difficult = `${"استقبال المرضى 👩🏽‍⚕️ ".repeat(12)}end`;

async function startRunOf(
  { service }: Pages,
  name: string,
): Promise<{ run: string; workflow: string }> {
  const made = await service.call("POST", "/workflows/v1/workflows", { name });
  const workflow: string = made.body.workflow.id;
  const run = await service.call("POST", "/workflows/v1/workflow-runs", {
    workflow_id: workflow,
    trigger: "manual",
  });
  expect(run.status, JSON.stringify(run.body)).toBe(201);
  return { run: run.body.run.id, workflow };
}

test.skipIf(browserMissing)(
  "runs are listed by the names of their workflows, which are asked for together, and their ids stay",
  async () => {
    const pages = await openPages();
    const { page, go, service, asked, problems } = pages;
    const old = await startRunOf(pages, "The oldest");
    // The first page of the list of workflows no longer has the oldest.
    await service.call("POST", "/v1/facts", {
      facts: Array.from({ length: 100 }, (_, number) => ({
        type: "workflow.created",
        data: { name: `Another ${number}` },
      })),
    });
    const runs = [];
    for (let number = 0; number < 5; number++) runs.push(await startRunOf(pages, listed));
    const deleted = await startRunOf(pages, "Soon deleted");
    await service.call("DELETE", `/workflows/v1/workflows/${deleted.workflow}`);

    asked.length = 0;
    await go("/runs");
    const list = page.getByRole("list", { name: "Runs" });
    await list.getByText("The oldest").waitFor();
    for (const { run } of runs) {
      expect(await list.getByRole("link").filter({ hasText: run }).innerText()).toContain(listed);
    }
    const nameless = list.getByRole("link").filter({ hasText: deleted.run });
    expect(await nameless.innerText()).toContain(`…${deleted.workflow.slice(-6)}`);
    const askedNames = asked.filter(({ path }) => path.startsWith("/workflows/v1/workflows"));
    expect(askedNames.map(({ path }) => path).sort()).toEqual(
      [
        "/workflows/v1/workflows",
        `/workflows/v1/workflows/${old.workflow}`,
        `/workflows/v1/workflows/${deleted.workflow}`,
      ].sort(),
    );

    // One of them, then all of its workflow, then all of them.
    await list.getByRole("link").filter({ hasText: old.run }).click();
    await page.getByRole("heading", { level: 1, name: "Run of The oldest" }).waitFor();
    await page.getByRole("button", { name: "Copy run id" }).waitFor();
    await page.getByRole("link", { name: "Runs of The oldest" }).click();
    await expect.poll(() => list.getByRole("listitem").count()).toBe(1);
    await page.getByText("Workflow The oldest").waitFor();
    await page.getByRole("button", { name: "Clear the workflow" }).click();
    await list.getByText(listed).first().waitFor();
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "calls are listed with the names of their assistants, and a call without a number is named by its assistant",
  async () => {
    const pages = await openPages();
    const { page, go, service, problems } = pages;
    const assistant = await service.call("POST", "/assistants/v1/assistants", {
      name: "Reception",
    });
    const start = (told: object) =>
      service.call("POST", "/calls/v1/conversations", {
        assistantId: assistant.body.id,
        status: "ongoing",
        ...told,
      });
    const numbered = await start({ callType: "phone", userNumber: "+49301234567" });
    const web = await start({ callType: "web" });
    await go("/calls");
    const list = page.getByRole("list", { name: "Calls" });
    const textOf = (id: string) => list.getByRole("link").filter({ hasText: id }).innerText();
    await list.getByText("Reception").first().waitFor();
    expect(await textOf(numbered.body.id)).toMatch(/\+49301234567.*Reception/s);
    expect(await textOf(web.body.id)).toContain("Reception");
    await list.getByRole("link").filter({ hasText: web.body.id }).click();
    await page.getByRole("link", { name: "Reception" }).waitFor();
    await go(`/calls?assistant=${assistant.body.id}`);
    await page.getByText("Assistant Reception").waitFor();
    await page.getByRole("button", { name: "Clear the assistant" }).click();
    await expect.poll(() => new URL(page.url()).search).toBe("");
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "a long name from right to left with emoji breaks no list or page at 360 px",
  async () => {
    const pages = await openPages({ width: 360 });
    const { page, go, service, receiver, problems } = pages;
    const { run, workflow } = await startRunOf(pages, difficult);
    const assistant = await service.call("POST", "/assistants/v1/assistants", {
      name: difficult,
      assistantServer: { enabled: true, url: `${receiver.origin}/calls`, messages: ["hang"] },
    });
    const call = await service.call("POST", "/calls/v1/conversations", {
      assistantId: assistant.body.id,
      status: "ongoing",
    });
    for (const path of [
      "/runs",
      `/runs?workflow=${workflow}`,
      `/runs?run=${run}`,
      "/calls",
      `/calls?assistant=${assistant.body.id}`,
      `/calls?call=${call.body.id}`,
      "/audit",
    ]) {
      await go(path);
      await page.getByText(difficult).first().waitFor();
      const sideways = await page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll("main")].map(
          ({ scrollWidth, clientWidth }) => Math.max(0, scrollWidth - clientWidth),
        ),
      );
      expect(sideways, path).toEqual([0, 0]);
    }
    // Where a row has one line for the name, the id is below it and whole.
    await go("/runs");
    const id = page.getByText(run, { exact: true });
    await id.waitFor();
    expect(await id.evaluate((node) => node.scrollWidth - node.clientWidth)).toBe(0);
    expect(problems).toEqual([]);
  },
);
