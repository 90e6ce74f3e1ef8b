import dns from "node:dns/promises";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { parseHosts, parseSearchList } from "../../src/dispatcher/name-files.ts";
import { openResolver } from "../../src/dispatcher/resolver.ts";
import { openSender } from "../../src/dispatcher/send.ts";
import { parseCidr } from "../../src/domain/address.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { startNameServer, type Zone } from "../support/name-server.ts";
import { startReceiver } from "../support/scripted-receiver.ts";

/** A name server, a hosts file and a resolv.conf of the test's own, and a resolver that knows nothing else. */
async function setup(
  zone: Zone,
  {
    hosts = "",
    search = "",
    localNames = true,
  }: { hosts?: string; search?: string; localNames?: boolean } = {},
) {
  const directory = await mkdtemp(path.join(tmpdir(), "postrider-names-"));
  const hostsFile = path.join(directory, "hosts");
  const searchFile = path.join(directory, "resolv.conf");
  await Promise.all([writeFile(hostsFile, hosts), writeFile(searchFile, search)]);
  const server = await startNameServer(zone);
  onTestFinished(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });
  const files = { hostsFile, searchFile, nameServers: [server.address] };
  return { server, files, hostsFile, searchFile, resolve: openResolver({ ...files, localNames }) };
}

const codeOf = async (resolving: Promise<unknown>) =>
  await resolving.then(
    (found) => found,
    (error) => error.code,
  );

test("the hosts file is asked first, in any letter case, and DNS not at all for what it holds", async () => {
  const hosts = [
    "# made by hand",
    "10.1.2.3 Hooks.example.com hooks # the second name as well",
    "fd12::1\thooks.example.com",
    "10.1.2.4\ta.b.c",
    "fe80::1%lo0 zoned",
    "#10.9.9.9 hooks",
  ].join("\n");
  const { resolve, server } = await setup(
    { "hooks.example.com": { a: ["93.184.216.34"] } },
    { hosts },
  );
  expect(await resolve("hooks.example.com")).toEqual(["10.1.2.3", "fd12::1"]);
  expect(await resolve("HOOKS.example.com.")).toEqual(["10.1.2.3", "fd12::1"]);
  expect(await resolve("hooks")).toEqual(["10.1.2.3"]);
  expect(server.questions).toEqual([]);
  expect(await codeOf(resolve("zoned.example.com"))).toBe("ENOTFOUND");
});

test("a line added to the hosts file counts within seconds, and one taken away counts no more", async () => {
  const { resolve, hostsFile } = await setup({ "a.example.com": { a: ["93.184.216.34"] } });
  expect(await resolve("a.example.com")).toEqual(["93.184.216.34"]);
  await writeFile(hostsFile, "10.0.0.1 a.example.com\n");
  await expect.poll(() => resolve("a.example.com"), { timeout: 5_000 }).toEqual(["10.0.0.1"]);
  await rm(hostsFile);
  await expect.poll(() => resolve("a.example.com"), { timeout: 5_000 }).toEqual(["93.184.216.34"]);
});

test("both families are asked, and either is enough", async () => {
  const { resolve } = await setup({
    "both.example.com": { a: ["10.0.0.1", "10.0.0.2"], aaaa: ["fd12::2"] },
    "four.example.com": { a: ["10.0.0.4"] },
    "six.example.com": { aaaa: ["fd12::6"] },
  });
  expect([...(await resolve("both.example.com"))].sort()).toEqual([
    "10.0.0.1",
    "10.0.0.2",
    "fd12::2",
  ]);
  expect(await resolve("four.example.com")).toEqual(["10.0.0.4"]);
  expect(await resolve("six.example.com")).toEqual(["fd12::6"]);
});

test("a server that swallows questions for one family costs a quarter of a second, not the attempt", async () => {
  const { resolve } = await setup({ "a.example.com": { a: ["10.0.0.1"], aaaa: "silent" } });
  const startedMs = performance.now();
  expect(await resolve("a.example.com")).toEqual(["10.0.0.1"]);
  expect(performance.now() - startedMs).toBeLessThan(900);
});

test("an answer of the other family that comes soon after counts as well", async () => {
  const { resolve } = await setup({
    "a.example.com": { a: ["10.0.0.1"], aaaa: ["fd12::1"], aaaaAfterMs: 60 },
  });
  expect(await resolve("a.example.com")).toEqual(["10.0.0.1", "fd12::1"]);
});

test("a server's failure for one family is told before the other's lack of addresses, and either before a name unknown", async () => {
  const { resolve } = await setup(
    {
      "one.example.com": { a: "SERVFAIL" },
      "other.example.com": { aaaa: "SERVFAIL" },
      "empty.example.com": {},
    },
    { search: "search nowhere.example" },
  );
  expect(await codeOf(resolve("one.example.com"))).toBe("ESERVFAIL");
  expect(await codeOf(resolve("other.example.com"))).toBe("ESERVFAIL");
  expect(await codeOf(resolve("empty.example.com"))).toBe("ENODATA");
});

test("a name server that is dead gives way to the next within two seconds", async () => {
  const { files, server } = await setup({ "a.example.com": { a: ["10.0.0.1"] } });
  const dead = await startNameServer({ "a.example.com": "silent" });
  onTestFinished(() => dead.close());
  const nameServers = [dead.address, server.address];
  const resolve = openResolver({ ...files, nameServers, localNames: false });
  const startedMs = performance.now();
  expect(await resolve("a.example.com")).toEqual(["10.0.0.1"]);
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  expect(dead.questions.length).toBeGreaterThan(0);
});

test("a single label is looked for in the search list first, a name with dots as it is written first", async () => {
  const { resolve, server } = await setup(
    {
      "hooks.default.svc.cluster.local": { a: ["10.96.0.1"] },
      hooks: { a: ["93.184.216.34"] },
      "hooks.default": "NXDOMAIN",
    },
    { search: "nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local\n" },
  );
  expect(await resolve("hooks")).toEqual(["10.96.0.1"]);
  expect(await resolve("hooks.default")).toEqual(["10.96.0.1"]);
  expect(await resolve("hooks.default.svc.cluster.local")).toEqual(["10.96.0.1"]);
  expect(server.questions.filter((question) => question === "hooks.default A")).toHaveLength(1);
  expect(server.questions).not.toContain("hooks A");
});

test("what DNS denies is asked of the system, for names of the inside and where they are open", async () => {
  const lookUp = vi.spyOn(dns, "lookup").mockImplementation((async (name: string) => {
    if (name !== "printer.local") throw new Error("unknown");
    return [{ address: "10.0.0.9", family: 4 }];
  }) as unknown as typeof dns.lookup);
  onTestFinished(() => lookUp.mockRestore());
  const { resolve, files } = await setup({});
  expect(await Promise.all([resolve("printer.local"), resolve("printer.local")])).toEqual([
    ["10.0.0.9"],
    ["10.0.0.9"],
  ]);
  expect(lookUp).toHaveBeenCalledTimes(1);
  expect(await codeOf(resolve("scanner.local"))).toBe("ENOTFOUND");
  expect(lookUp).toHaveBeenCalledTimes(2);
  expect(await codeOf(resolve("printer.example.com"))).toBe("ENOTFOUND");
  expect(await codeOf(openResolver({ ...files, localNames: false })("printer.local"))).toBe(
    "ENOTFOUND",
  );
  expect(lookUp).toHaveBeenCalledTimes(2);
});

test("a look-up of the system's that never ends costs two seconds, and the next one waits its turn", async () => {
  const lookUp = vi.spyOn(dns, "lookup").mockImplementation(() => new Promise(() => {}));
  onTestFinished(() => lookUp.mockRestore());
  const { resolve } = await setup({});
  const startedMs = performance.now();
  const codes = await Promise.all([codeOf(resolve("one.local")), codeOf(resolve("two.local"))]);
  expect(codes).toEqual(["ENOTFOUND", "ENOTFOUND"]);
  expect(performance.now() - startedMs).toBeLessThan(3_500);
  expect(lookUp).toHaveBeenCalledTimes(1);
});

test("a new resolv.conf counts within seconds, its name servers too", async () => {
  const opened = vi.spyOn(dns.Resolver.prototype, "setServers");
  onTestFinished(() => opened.mockRestore());
  const { resolve, searchFile } = await setup(
    { "db.one.example": { a: ["10.0.0.1"] }, "db.two.example": { a: ["10.0.0.2"] } },
    { search: "search one.example" },
  );
  expect(await resolve("db")).toEqual(["10.0.0.1"]);
  expect(await resolve("db")).toEqual(["10.0.0.1"]);
  // c-ares reads its name servers when it is opened.
  expect(opened).toHaveBeenCalledTimes(1);
  await writeFile(searchFile, "domain two.example\n");
  await expect.poll(() => resolve("db"), { timeout: 5_000 }).toEqual(["10.0.0.2"]);
  expect(opened).toHaveBeenCalledTimes(2);
});

test("where no private network is open, the search list adds nothing to a name", async () => {
  const { resolve, server } = await setup(
    { "a.example.com.corp.example": { a: ["10.0.0.1"] } },
    { search: "search corp.example", localNames: false },
  );
  expect(await codeOf(resolve("a.example.com"))).toBe("ENOTFOUND");
  expect(server.questions.sort()).toEqual(["a.example.com A", "a.example.com AAAA"]);
});

test.each([
  ["NXDOMAIN", "The host name does not exist (NXDOMAIN)."],
  ["SERVFAIL", "The name server failed to look the host name up (SERVFAIL)."],
  ["REFUSED", "The name server refused to look the host name up (REFUSED)."],
  [{}, "The host name exists but has no address (NODATA)."],
  ["silent", "The name server did not answer within 600 ms (TIMEOUT)."],
] as const)(
  "a name server that says %j is told from the others, under one code",
  async (entry, detail) => {
    const { files } = await setup({ "a.example.com": entry as Zone[string] });
    const sender = openSender({ egressAllow: [], resolverFiles: files });
    onTestFinished(() => sender.close());
    const timeoutMs = entry === "silent" ? 600 : 30_000;
    const request = { origin: "https://a.example.com", path: "/", headers: [], timeoutMs };
    const { result } = await sender.send({ ...request, body: Buffer.from("{}") });
    expect(result).toEqual({ kind: "unanswered", reason: "dns_error", detail });
  },
);

test("the egress proxy's name may be one of this network, though no receiver's may", async () => {
  const { files } = await setup(
    { "proxy.corp.example": { a: ["127.0.0.1"] }, "a.example.com": { a: ["93.184.216.34"] } },
    { search: "search corp.example" },
  );
  const proxy = await startConnectProxy(() => "HTTP/1.1 403 No\r\n\r\n");
  const sender = openSender({
    egressAllow: [],
    resolverFiles: files,
    egressProxy: {
      host: "proxy",
      port: proxy.port,
      authorization: undefined,
      resolvesNames: false,
    },
  });
  onTestFinished(async () => {
    await sender.close();
    await proxy.close();
  });
  const request = { path: "/", headers: [], timeoutMs: 10_000, body: Buffer.from("{}") };
  const reasonAt = async (origin: string) => (await sender.send({ ...request, origin })).result;
  expect(await reasonAt("https://a.example.com")).toMatchObject({ reason: "proxy_error" });
  expect(proxy.requests).toHaveLength(1);
  expect(await reasonAt("https://proxy")).toMatchObject({ reason: "dns_error" });
});

test("no name server at all has its own sentence", async () => {
  const { files, server } = await setup({});
  const gone = await startNameServer({});
  await gone.close();
  const sender = openSender({
    egressAllow: [],
    resolverFiles: { ...files, nameServers: [gone.address] },
  });
  onTestFinished(() => sender.close());
  const request = { origin: "https://a.example.com", path: "/", headers: [], timeoutMs: 30_000 };
  const { result } = await sender.send({ ...request, body: Buffer.from("{}") });
  expect(result).toMatchObject({
    reason: "dns_error",
    detail: "No name server could be reached (ECONNREFUSED).",
  });
  expect(server.questions).toEqual([]);
});

test("a hundred names whose server is silent do not hold up another's delivery", async () => {
  const silent = Array.from({ length: 100 }, (_, n) => [`s${n}.internal`, "silent"] as const);
  const { files } = await setup({
    ...Object.fromEntries(silent),
    "good.internal": { a: ["127.0.0.1"] },
  });
  const receiver = await startReceiver([
    { op: "read_request" },
    { op: "send", data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
  ]);
  const egressAllow = ["127.0.0.0/8", "10.0.0.0/8"]
    .map(parseCidr)
    .filter((one) => one !== undefined);
  const sender = openSender({ egressAllow, resolverFiles: files });
  onTestFinished(async () => {
    await sender.close();
    await receiver.close();
  });
  const post = (host: string) =>
    sender.send({
      origin: `http://${host}:${receiver.port}`,
      path: "/",
      headers: [],
      body: Buffer.from("{}"),
      timeoutMs: 2_000,
    });
  const waiting = silent.map(([host]) => post(host));
  const { result, latencyMs } = await post("good.internal");
  expect(result).toMatchObject({ status: 200 });
  expect(latencyMs).toBeLessThan(1_000);
  for (const { result } of await Promise.all(waiting)) {
    expect(result).toMatchObject({ reason: "dns_error" });
  }
});

test("the files are read as the system reads them, and nothing in them is a fault", () => {
  expect([...parseHosts("1.1.1.1 a # b\n1.1.1.2 c#d\n# 1.1.1.3 e").keys()]).toEqual(["a", "c"]);
  expect([...parseHosts("\n \n::1 a a.b\r\n256.0.0.1 c\n1.2.3.4\n1.2.3.4 A")]).toEqual([
    ["a", ["::1", "1.2.3.4"]],
    ["a.b", ["::1"]],
  ]);
  expect(parseSearchList("")).toEqual([]);
  expect(
    parseSearchList("search a.example\n search B.example. c.example\noptions ndots:5"),
  ).toEqual(["b.example", "c.example"]);
});
