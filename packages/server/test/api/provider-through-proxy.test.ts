import { expect, onTestFinished, test } from "vitest";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { openTestProvider } from "../support/oidc-provider.ts";
import { openService } from "../support/running-server.ts";
import { testAuthority } from "../support/scripted-receiver.ts";

const publicUrl = "https://hooks.example.com";
const onInternet = "93.184.215.14";

/** A provider with a name, a proxy that leads to it whatever it is asked for, and a service that knows both. */
async function open(options: {
  addresses: readonly string[] | "unknown";
  names?: "1";
  refuses?: string;
}) {
  const provider = await openTestProvider(`${publicUrl}/dashboard/sign-in/callback`, {
    host: "a.example.com",
  });
  onTestFinished(() => provider.close());
  provider.accounts.ada = { name: "Ada Lovelace", postrider_teams: "default" };
  const port = Number(new URL(provider.issuer).port);
  const proxy = await startConnectProxy(() => options.refuses ?? { host: "127.0.0.1", port });
  onTestFinished(() => proxy.close());
  const service = await openService(
    {
      tlsCa: testAuthority,
      resolve: async () => {
        if (options.addresses !== "unknown") return options.addresses;
        throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
      },
    },
    {
      ...provider.env,
      POSTRIDER_PUBLIC_URL: publicUrl,
      POSTRIDER_EGRESS_PROXY: `http://post:secret-of-the-proxy@127.0.0.1:${proxy.port}`,
      POSTRIDER_EGRESS_PROXY_NAMES: options.names ?? "0",
    },
  );
  const ask = async (path: string, cookie = "") => {
    const answer = await fetch(`${service.server.url}${path}`, {
      redirect: "manual",
      headers: { cookie },
    });
    const [set = ""] = answer.headers.getSetCookie();
    return { leadsTo: answer.headers.get("location") ?? "", cookie: set.split(";")[0] };
  };
  return {
    service,
    port,
    tunnels: () => proxy.requests.map((head) => head.split(" HTTP")[0]),
    /** Begins to sign in; gives where that leads. */
    begin: async () => (await ask("/dashboard/sign-in")).leadsTo,
    /** Signs in; gives where that leads. */
    async signIn() {
      const begun = await ask("/dashboard/sign-in");
      const back = await provider.visit(begun.leadsTo, "ada");
      return (await ask(back.slice(publicUrl.length), begun.cookie)).leadsTo;
    },
  };
}

test("with an egress proxy, a provider on the internet is asked through it alone, by its address", async () => {
  const { signIn, tunnels, port } = await open({ addresses: [onInternet] });
  expect(await signIn()).toBe(`${publicUrl}/dashboard/`);
  expect(new Set(tunnels())).toEqual(new Set([`CONNECT ${onInternet}:${port}`]));
});

test("a proxy that resolves names gets the provider's name, also one that only the proxy knows", async () => {
  const { signIn, tunnels, port } = await open({ addresses: "unknown", names: "1" });
  expect(await signIn()).toBe(`${publicUrl}/dashboard/`);
  expect(new Set(tunnels())).toEqual(new Set([`CONNECT a.example.com:${port}`]));
});

test("a provider in the private network is asked directly", async () => {
  const { signIn, tunnels } = await open({ addresses: ["127.0.0.1"] });
  expect(await signIn()).toBe(`${publicUrl}/dashboard/`);
  expect(tunnels()).toEqual([]);
});

test("a proxy that opens no tunnel to the provider: the page says that it is away, and the log says why", async () => {
  const { begin, service } = await open({
    addresses: [onInternet],
    refuses: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
  });
  expect(await begin()).toBe(`${publicUrl}/dashboard/#refused=provider_away`);
  expect(service.logged()).toContain("proxy_error");
  expect(service.logged()).not.toContain("secret-of-the-proxy");
});
