import { cpSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { secretText, signedRequest } from "../../packages/sdk/test/signed.ts";
import { createDatabase } from "../../packages/server/test/support/postgres.ts";
import { productionEnvironment, startService } from "../../packages/server/test/support/process.ts";
import { tarballs } from "../pack.ts";
import { installed, runIn } from "./folder.ts";
import { openPage, pageMissing } from "./page.ts";
import { installPrograms, programs, programsMissing } from "./programs.ts";
import { readyMs } from "./ready.ts";
import { openWorker } from "./worker.ts";

const callers = path.join(import.meta.dirname, "callers");
const skipped = (why: string | undefined) => (why === undefined ? "" : ` (skipped: ${why})`);
const body = '{"action":"workflow_created","workflow_name":"Made here"}';

beforeAll(() => {
  if (programsMissing === undefined) installPrograms();
});

/** A folder of a caller: the SDK's tarball is installed, and what it runs lies there. */
async function callerFolder(...packages: string[]): Promise<string> {
  const folder = await installed(tarballs.sdk, ...packages);
  cpSync(callers, folder, { recursive: true });
  return folder;
}

/** A service with receivers on this machine allowed, from the sources. */
async function openService(): Promise<{ url: string; apiKey: string }> {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = productionEnvironment(database.url);
  const { url } = await startService(["serve"], env);
  return { url, apiKey: env.POSTRIDER_API_KEY ?? "" };
}

test.skipIf(programsMissing)(
  `on Node 20, 22 and 24 the SDK subscribes, reports, receives and verifies${skipped(programsMissing)}`,
  async () => {
    const { url, apiKey } = await openService();
    const folder = await callerFolder();
    const lines: string[] = [];
    for (const node of programs.nodes) {
      const ran = await runIn(folder, node, "caller.mjs", url, apiKey);
      expect(ran, ran.stderr).toMatchObject({ code: 0, stderr: "" });
      lines.push(ran.stdout.trim());
    }
    console.log(lines.join("\n"));
    expect(lines.map((line) => line.replace(/^v(\d+)\.\S+/, "$1"))).toEqual(
      ["20", "22", "24"].map((version) => `${version} workflow_created Made here`),
    );
  },
);

test.skipIf(programsMissing)(
  `the built serve gets ready on Node 20, 22 and 24${skipped(programsMissing)}`,
  async () => {
    const database = await createDatabase();
    onTestFinished(() => database.drop());
    const folder = await installed("--omit=optional", tarballs.server);
    const built = path.join(folder, "node_modules/postrider/bin/postrider.js");
    // One encryption key for all: the database remembers whose secrets it holds.
    const environment = productionEnvironment(database.url);
    for (const node of programs.nodes) {
      const ms = await readyMs(built, environment, node);
      const { stdout: version } = await runIn(folder, node, "--version");
      console.log(`serve until readyz on ${version.trim()}: ${ms} ms`);
    }
  },
);

test.skipIf(programsMissing)(
  `CommonJS callers require the SDK, and share its classes with import()${skipped(programsMissing)}`,
  async () => {
    const folder = await callerFolder();
    for (const node of programs.nodes) {
      const ran = await runIn(folder, node, "caller.cjs");
      expect(ran, ran.stderr).toMatchObject({ code: 0 });
      expect(ran.stdout).toMatch(/^v2[024]\S* missing_header true\n$/);
    }
  },
);

test.skipIf(programsMissing)(
  `TypeScript 5 and 7 know the SDK's types under node16, nodenext and bundler${skipped(programsMissing)}`,
  async () => {
    const folder = await callerFolder("@types/node@20.19.43");
    const compile = async (compiler: string, module: string, resolution: string, files: string[]) =>
      await runIn(
        folder,
        process.execPath,
        ...[compiler, "--noEmit", "--strict", "--target", "es2022", "--types", "node"],
        ...["--module", module, "--moduleResolution", resolution, ...files],
      );
    const [typescript7, typescript5] = programs.compilers;
    for (const [compiler, module, resolution] of [
      [typescript7, "node16", "node16"],
      [typescript7, "nodenext", "nodenext"],
      [typescript7, "esnext", "bundler"],
      // Most callers have this one. It takes ten times as long; attw asks it about the other resolutions.
      [typescript5, "nodenext", "nodenext"],
    ] as const) {
      const files = ["caller.mts", "dynamic.cts"];
      const { code, stdout } = await compile(compiler, module, resolution, files);
      expect(stdout, `${compiler} ${resolution}`).toBe("");
      expect(code).toBe(0);
    }
    const required = ["caller.cts"];
    expect(await compile(typescript7, "nodenext", "nodenext", required)).toMatchObject({ code: 0 });
    // The README says what to write instead.
    const refused = await compile(typescript7, "node16", "node16", required);
    expect(refused.stdout).toContain("TS1471");
  },
);

test.skipIf(programsMissing)(
  `in workerd a worker verifies what it receives, and calls the API${skipped(programsMissing)}`,
  async () => {
    const { url, apiKey } = await openService();
    const folder = await callerFolder();
    const bindings = { URL: url, API_KEY: apiKey, SECRET: secretText };
    const worker = await openWorker(folder, "worker.js", bindings);
    const post = async (request: RequestInit) => (await fetch(worker, request)).status;
    const signed = signedRequest(body);
    expect(await post(signed)).toBe(204);
    expect(await post({ ...signed, body: body.replace("here", "there") })).toBe(401);
    expect(await (await fetch(`${worker}/received`)).json()).toEqual(["workflow workflow_created"]);
    expect(await (await fetch(`${worker}/me`)).json()).toHaveProperty("id");
  },
);

test.skipIf(pageMissing)(
  `in a page of Chromium the SDK verifies, and refuses an API key${skipped(pageMissing)}`,
  async () => {
    const folder = await callerFolder();
    const page = await openPage(folder, "page.html", "node_modules/@postrider/sdk/lib");
    const verified = await page.evaluate(
      async ([body, headers, secret]) => {
        const { sdk } = globalThis as unknown as { sdk: typeof import("@postrider/sdk") };
        const { type, contract } = await sdk.verify(body, headers, secret);
        return `${contract} ${type}`;
      },
      [body, signedRequest(body).headers, secretText] as const,
    );
    expect(verified).toBe("workflow workflow_created");
    const refused = await page.evaluate(() => {
      const { sdk } = globalThis as unknown as { sdk: typeof import("@postrider/sdk") };
      try {
        return String(new sdk.Postrider({ url: "https://postrider.test", apiKey: "prk_secret" }));
      } catch (error) {
        return String(error);
      }
    });
    expect(refused).toMatch(/^TypeError: apiKey must not be used in a web page: /);
    expect(page.problems()).toEqual([]);
  },
);
