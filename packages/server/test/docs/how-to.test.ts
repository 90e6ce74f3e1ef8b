import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { root } from "../house/sources.ts";
import { findFreePort } from "../support/ports.ts";
import { openService } from "../support/running-server.ts";

type Block = { language: string; file: string | undefined; text: string };

/** The blocks of a page, as a reader copies them. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(path.join(root, "docs/how-to", `${page}.md`), "utf8");
  return [...text.matchAll(/^```(\w+)(?: \[([^\]\n]+)\])?\n(.*?)^```$/gms)].map(
    ([, language = "", file, block = ""]) => ({ language, file, text: block }),
  );
}

/** Serves what a file exports, where a page leaves that to its framework. */
const served = (file: string, handler: string): string => `
import { createServer } from "node:http";
import { Readable } from "node:stream";
import * as module from "./${file}";
createServer(async (request, response) => {
  const { method, headers } = request;
  const init = { method, headers, body: Readable.toWeb(request), duplex: "half" };
  const answer = await ${handler}(new Request("http://127.0.0.1" + request.url, init));
  response.writeHead(answer.status).end(await answer.text());
}).listen(Number(process.env.PORT), "127.0.0.1");
`;

type Receiver = {
  page: string;
  /** Programs without which the page cannot be tried. */
  needs: readonly string[];
  /** Commands that come before the receiver is started, by their first words in the page. */
  prepare: readonly RegExp[];
  /** The command of the page that starts it. */
  start: RegExp;
  /** What the receiver prints of a delivery. */
  prints: (id: string) => string;
  /** In place of the page's command, for what a framework would do. */
  instead?: { command: string; files?: Record<string, string> };
};

const printed = (id: string) => `workflow_run_started ${id}`;
const typescript = { needs: [], prepare: [], start: /npx tsx/, prints: printed };
const python = { needs: ["python3"], prepare: [/^pip install/], prints: printed };
const receivers: readonly Receiver[] = [
  { page: "express", ...typescript },
  { page: "fastify", ...typescript },
  {
    // Next.js itself is 341 MB (16.4.6 with React): the handler is called as Next.js calls it.
    page: "nextjs",
    ...typescript,
    start: /npx next dev/,
    instead: {
      command: "npx tsx serve.ts",
      files: { "serve.ts": served("app/hooks/postrider/route.ts", "module.POST") },
    },
  },
  {
    page: "hono",
    ...typescript,
    instead: {
      command: "npx tsx serve.ts",
      files: { "serve.ts": served("app.ts", "module.default.fetch") },
    },
  },
  { page: "fastapi", ...python, start: /uvicorn main/ },
  { page: "flask", ...python, start: /flask --app/ },
  { page: "django", ...python, start: /runserver/ },
  {
    page: "go",
    needs: ["go"],
    prepare: [/^go mod init/, /^go get/],
    start: /go run/,
    prints: printed,
  },
  {
    page: "java",
    needs: ["java", "mvn"],
    prepare: [/^mvn /],
    start: /java -cp/,
    prints: (id) => `received ${id}`,
  },
  {
    page: "rust",
    needs: ["cargo"],
    prepare: [/^cargo build/],
    start: /cargo run/,
    prints: (id) => `received ${id}`,
  },
  { page: "ruby", needs: ["ruby"], prepare: [], start: /ruby receiver/, prints: printed },
  { page: "php", needs: ["php"], prepare: [], start: /php -S/, prints: printed },
];

/** Pages with a block of a library whose registry the machine of the tests cannot reach; they say so themselves. */
const withUntriedLibrary = ["php", "ruby"];

const missing = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0;

/** A folder with the page's files; one inside the repository finds its packages. */
function folderOf({ page, instead, start }: Receiver): string {
  const inside = start === typescript.start || instead !== undefined;
  const base = inside ? path.join(root, "node_modules/.cache") : tmpdir();
  mkdirSync(base, { recursive: true });
  const folder = mkdtempSync(path.join(base, `postrider-${page}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = blocksOf(page).flatMap(({ file, text }) => (file ? [[file, text] as const] : []));
  for (const [name, text] of [...files, ...Object.entries(instead?.files ?? {})]) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  if (inside) writeFileSync(path.join(folder, "package.json"), '{"type":"module"}\n');
  return folder;
}

const commandsOf = (page: string): string[] =>
  blocksOf(page)
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.trim().split("\n"));

const unreachable =
  /resolv|ENOTFOUND|EAI_AGAIN|timed? ?out|dial tcp|Could not transfer|Connection|network/i;

/** Runs what a page says comes first; a sentence when the registry of the language does not answer. */
async function prepare(
  { page, needs, prepare: wanted }: Receiver,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const commands = commandsOf(page).filter((one) => wanted.some((form) => form.test(one)));
  expect(commands.length).toBe(wanted.length);
  const venv = needs.includes("python3") ? ["python3 -m venv venv"] : [];
  for (const command of [...venv, ...commands]) {
    try {
      await promisify(execFile)("sh", ["-euc", command], {
        cwd: folder,
        env: environment,
        timeout: 400_000,
        maxBuffer: 16 * 1024 * 1024,
      });
    } catch (error) {
      const { stderr = "", stdout = "" } = error as { stderr?: string; stdout?: string };
      if (!unreachable.test(stderr + stdout)) throw new Error(`${command}\n${stdout}${stderr}`);
      return `skipped: the registry does not answer: ${command}`;
    }
  }
  return undefined;
}

/** Starts a receiver as its page says, in a group of its own that ends with the test. */
function start(command: string, folder: string, environment: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn("sh", ["-euc", command], {
    cwd: folder,
    detached: true,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  onTestFinished(async () => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await ended;
  });
  return { output: () => output, ended: () => child.exitCode !== null };
}

for (const receiver of receivers) {
  const { page, needs, instead } = receiver;
  const absent = needs.filter(missing);
  const note = absent.length > 0 ? ` (skipped: ${absent.join(", ")} is not installed)` : "";
  test.skipIf(absent.length > 0)(
    `docs/how-to/${page}.md, as it stands there, takes a real delivery and refuses a forged one${note}`,
    { timeout: 600_000 },
    async (context) => {
      const folder = folderOf(receiver);
      const port = await findFreePort();
      const url = `http://127.0.0.1:${port}/hooks/postrider`;
      const service = await openService({}, { POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8" });
      const webhook = await service.call("POST", "/workflows/v1/workflow-webhooks", {
        name: page,
        url,
        actions: ["workflow_run_started"],
        max_retries: 0,
        timeout_seconds: 20,
      });
      expect(webhook.status, JSON.stringify(webhook.body)).toBe(201);
      const { body: shown } = await service.call(
        "GET",
        `/workflows/v1/workflow-webhooks/${webhook.body.id}/signing-secret`,
      );
      const environment = {
        ...process.env,
        PATH: `${folder}/venv/bin:${process.env.PATH}`,
        PORT: String(port),
        WEBHOOK_SECRET: shown.secret as string,
      };
      const reason = await prepare(receiver, folder, environment);
      if (reason) return context.skip(reason);

      const command = commandsOf(page).find((one) => receiver.start.test(one)) ?? "";
      if (!instead) expect(command).not.toBe("");
      const own = (instead?.command ?? command).replace("WEBHOOK_SECRET=whsec_… ", "");
      const running = start(own, folder, environment);
      // As whole and as fresh as a real one, but signed under another secret.
      const forged = () => {
        const timestamp = String(Math.floor(Date.now() / 1_000));
        const hmac = createHmac("sha256", randomBytes(32)).update(`event_1.${timestamp}.{}`);
        return {
          "webhook-id": "event_1",
          "webhook-timestamp": timestamp,
          "webhook-signature": `v1,${hmac.digest("base64")}`,
        };
      };
      const knock = async () => {
        if (running.ended()) throw new Error(running.output());
        return await fetch(url, { method: "POST", body: "{}", headers: forged() }).then(
          ({ status }) => status,
          () => 0,
        );
      };
      await expect.poll(knock, { timeout: 90_000, interval: 200 }).toBe(401);

      const made = await service.call("POST", "/workflows/v1/workflows", { name: "Intake" });
      const workflow_id = made.body.workflow.id as string;
      await service.call("POST", "/workflows/v1/workflow-runs", { workflow_id, trigger: "manual" });
      const delivery = async () =>
        (await service.call("GET", "/v1/deliveries?limit=1")).body.deliveries[0];
      await expect
        .poll(async () => (await delivery())?.status, { timeout: 60_000 })
        .toBe("delivered");
      const { event_id } = await delivery();
      await expect
        .poll(running.output, { timeout: 10_000 })
        .toContain(receiver.prints(event_id as string));
    },
  );
}

test("every page that shows how to receive is tried, and says which block is not", () => {
  const pages = readdirSync(path.join(root, "docs/how-to")).map((name) => name.slice(0, -3));
  expect(receivers.map(({ page }) => page).sort()).toEqual(pages.sort());
  const saysUntried = pages.filter((page) =>
    readFileSync(path.join(root, "docs/how-to", `${page}.md`), "utf8").includes(
      "Our tests do not run this block",
    ),
  );
  expect(saysUntried.sort()).toEqual(withUntriedLibrary);
});
