import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { chromium, type Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { chromiumProgram } from "./programs.ts";

/** Why no page can be opened here; undefined where one can. */
export const pageMissing = chromiumProgram === undefined ? "chromium is not installed" : undefined;

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
};

/** Opens a page in Chromium, over HTTP, with the modules of a folder below /lib; `problems` are errors that nobody caught. */
export async function openPage(
  folder: string,
  file: string,
  modules: string,
): Promise<Page & { problems(): string[] }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://page.test");
    const inModules = pathname.startsWith("/lib/");
    const target = inModules
      ? path.join(folder, modules, pathname.slice("/lib/".length))
      : path.join(folder, file);
    response.setHeader("content-type", mediaTypes[path.extname(target)] ?? "text/plain");
    response.end(readFileSync(target));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const browser = await chromium.launch({
    executablePath: chromiumProgram ?? "",
    // CI is root in a container, where the sandbox cannot be had. The page is ours.
    args: ["--no-sandbox"],
    timeout: 60_000,
  });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => "sdk" in globalThis, undefined, { timeout: 30_000 });
  return Object.assign(page, { problems: () => problems });
}
