import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { browserMissing, openPages, subscribe } from "./support/pages.ts";

type Case = { id: string; area: string; input: { value?: string } };
const file = path.resolve(import.meta.dirname, "../../../server/test/cases/hostile-cases.json");
const cases = (JSON.parse(readFileSync(file, "utf8")) as Case[]).filter(
  ({ area }) => area === "xss",
);

test.skipIf(browserMissing)(
  "what outsiders write is text, wherever it stands: names, URLs, headers, payloads, answers",
  {
    timeout: 120_000,
  },
  async () => {
    expect(cases.length).toBeGreaterThan(5);
    const pages = await openPages();
    const { page, go, service, receiver, problems } = pages;
    const values = cases.flatMap(({ input }) => input.value ?? []);
    receiver.answerBy((_, count) => ({
      status: 500,
      headers: {
        "content-type": "text/html",
        "x-note": encodeURI(values[count % values.length] ?? ""),
      },
      body: values[count % values.length] ?? "",
    }));
    // A name is one line; the other places take everything.
    const named = (value: string): string =>
      value.replaceAll(/[\u2028\u2029\p{Cc}]/gu, " ").slice(0, 150);
    for (const value of values) {
      await subscribe(pages, {
        name: named(value),
        url: `${receiver.origin}/${encodeURIComponent(value)}`,
        actions: ["workflow_created"],
      });
    }
    for (const value of values) {
      const { status } = await service.call("POST", "/workflows/v1/workflows", {
        name: named(value),
        description: value,
      });
      expect(status).toBe(201);
    }
    await receiver.received(values.length ** 2);
    const { body } = await service.call("GET", "/v1/deliveries?limit=200");
    const ids = (body.deliveries as { id: string }[]).map(({ id }) => id);

    const elements = () =>
      page.evaluate(
        () =>
          document.querySelectorAll(
            "main iframe, main img, main script, main object, main [onerror], main [onload], main a[href^='javascript' i]",
          ).length,
      );
    for (const address of ["/", "/endpoints", "/deliveries", "/audit"]) {
      await go(address);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForFunction(() => document.querySelector('[aria-label="Loading"]') === null);
      expect(await elements(), address).toBe(0);
    }
    for (const id of ids.slice(0, values.length)) {
      await go(`/deliveries?delivery=${id}`);
      const detail = page.getByRole("article", { name: "Delivery" });
      await detail.getByRole("region", { name: "Answer", exact: true }).waitFor();
      await detail.getByRole("tab", { name: "Payload" }).click();
      await detail.getByText("workflow_name:").waitFor();
      expect(await elements(), id).toBe(0);
    }
    expect(problems).toEqual([]);
  },
);
