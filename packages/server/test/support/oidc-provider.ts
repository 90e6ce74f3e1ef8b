import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Agent, fetch, type RequestInit } from "undici";
import { certificateFile, testAuthority } from "./scripted-receiver.ts";

/** What the package exports, as far as it is used here; it brings no types. */
type OidcProvider = {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: object,
  ): Promise<void>;
};
type Context = {
  oidc: {
    provider: { Grant: new (of: object) => { addOIDCScope(scope: string): void; save(): unknown } };
    client: { clientId: string };
    session: { accountId: string };
  };
};

/** A real provider of OpenID Connect on this machine. */
export type TestProvider = {
  issuer: string;
  /** The settings that name it. */
  env: Record<string, string>;
  /** What it tells of each account; a test may change it. */
  accounts: Record<string, Record<string, unknown>>;
  /**
   * Goes where a sign-in or a sign-out sends a browser, signs in as an account (null: refuses to) or out, and gives where
   * the browser is sent back to. `jar` holds the browser's cookies at the provider.
   */
  visit(url: string, as: string | null, jar?: Map<string, string>): Promise<string>;
  /** Who is signed in when a browser comes by itself. */
  usual: { account: string };
  close(): Promise<void>;
};

const client = { id: "postrider", secret: "a-secret-of-the-client-0123456789" };
const scope = "openid profile postrider";

/**
 * Opens a provider that sends browsers back to one address after a sign-in, and to `/dashboard/` beside it after a
 * sign-out; `inToken` puts all claims into the ID token, and without `signsOut` nobody can sign out.
 * With a `host` it is there over TLS, by the certificate for a.example.com, and named so.
 */
export async function openTestProvider(
  redirectUri: string,
  {
    inToken = false,
    signsOut = true,
    host,
  }: { inToken?: boolean; signsOut?: boolean; host?: "a.example.com" } = {},
): Promise<TestProvider> {
  const server = host
    ? createTlsServer({ key: certificateFile("valid-key.pem"), cert: certificateFile("valid.pem") })
    : createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = host ? `https://${host}:${port}` : `http://127.0.0.1:${port}`;
  const accounts: TestProvider["accounts"] = {};
  const usual = { account: "ada" };
  const name = "oidc-provider";
  const { default: Provider } = (await import(name)) as {
    default: new (issuer: string, configuration: object) => OidcProvider;
  };
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [new URL("/dashboard/", redirectUri).href],
      },
    ],
    claims: {
      openid: ["sub"],
      profile: ["name"],
      postrider: ["postrider_teams", "postrider_scopes"],
    },
    conformIdTokenClaims: !inToken,
    cookies: { keys: ["a key"] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: signsOut,
        // The page of the package loads a font from elsewhere.
        logoutSource: (context: { body: string }, form: string) => {
          context.body = `<!doctype html><title>Sign out</title><h1>Sign out of everything?</h1>${form}
            <button form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`;
        },
      },
    },
    findAccount: (_context: Context, id: string) =>
      accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
    interactions: { url: (_context: Context, { uid }: { uid: string }) => `/as/${uid}` },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "one", use: "sig" }] },
    // Nobody is asked for consent.
    async loadExistingGrant({ oidc }: Context) {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope(scope);
      await grant.save();
      return grant;
    },
    ttl: {
      Interaction: 600,
      Session: 600,
      Grant: 600,
      AuthorizationCode: 60,
      IdToken: 60,
      AccessToken: 60,
    },
  });
  const answer = provider.callback();
  server.on("request", (request, response) => {
    const url = new URL(request.url ?? "/", issuer);
    if (!url.pathname.startsWith("/as/")) return answer(request, response);
    const account = url.searchParams.get("account") ?? usual.account;
    const result = account === "" ? { error: "access_denied" } : { login: { accountId: account } };
    provider.interactionFinished(request, response, result).catch(() => response.destroy());
  });

  // The browser finds every name on this machine.
  const dispatcher = new Agent({
    connect: {
      ca: testAuthority,
      lookup: (_hostname, _options, callback) =>
        callback(null, [{ address: "127.0.0.1", family: 4 }]),
    },
  });
  const visit: TestProvider["visit"] = async (url, as, jar = new Map()) => {
    const ask = async (shown: URL, init: RequestInit = {}) => {
      const cookie = [...jar].map(([key, value]) => `${key}=${value}`).join("; ");
      const answer = await fetch(shown, {
        ...init,
        redirect: "manual",
        headers: { cookie },
        dispatcher,
      });
      for (const one of answer.headers.getSetCookie()) {
        const [, key = "", value = ""] = /^([^=]+)=([^;]*)/.exec(one) ?? [];
        if (value === "") jar.delete(key);
        else jar.set(key, value);
      }
      return answer;
    };
    let at = url;
    for (let steps = 0; steps < 10 && at.startsWith(issuer); steps++) {
      const shown = new URL(at);
      if (shown.pathname.startsWith("/as/")) shown.searchParams.set("account", as ?? "");
      let answer = await ask(shown);
      // It asks before it signs somebody out.
      const [, action] = /action="([^"]+)"/.exec(await answer.clone().text()) ?? [];
      if (action !== undefined) {
        const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(await answer.text()) ?? [];
        const body = new URLSearchParams({ xsrf, logout: "yes" });
        answer = await ask(new URL(action, at), { method: "POST", body });
      }
      at = new URL(answer.headers.get("location") ?? "about:blank", at).href;
    }
    return at;
  };

  return {
    issuer,
    env: {
      POSTRIDER_OIDC_ISSUER: issuer,
      POSTRIDER_OIDC_CLIENT_ID: client.id,
      POSTRIDER_OIDC_CLIENT_SECRET: client.secret,
      POSTRIDER_OIDC_SCOPE: scope,
    },
    accounts,
    usual,
    visit,
    async close() {
      await dispatcher.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
