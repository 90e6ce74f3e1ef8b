import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

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
  /** Goes where a sign-in sends a browser, signs in as an account (null: refuses to), and gives where the browser is sent back to. */
  visit(url: string, as: string | null): Promise<string>;
  /** Who is signed in when a browser comes by itself. */
  usual: { account: string };
  close(): Promise<void>;
};

const client = { id: "postrider", secret: "a-secret-of-the-client-0123456789" };
const scope = "openid profile postrider";

/** Opens a provider that sends browsers back to one address; `inToken` puts all claims into the ID token. */
export async function openTestProvider(
  redirectUri: string,
  { inToken = false } = {},
): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accounts: TestProvider["accounts"] = {};
  const usual = { account: "ada" };
  const name = "oidc-provider";
  const { default: Provider } = (await import(name)) as {
    default: new (issuer: string, configuration: object) => OidcProvider;
  };
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [redirectUri] }],
    claims: {
      openid: ["sub"],
      profile: ["name"],
      postrider: ["postrider_teams", "postrider_scopes"],
    },
    conformIdTokenClaims: !inToken,
    cookies: { keys: ["a key"] },
    features: { devInteractions: { enabled: false } },
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

  const visit = async (url: string, as: string | null): Promise<string> => {
    const jar = new Map<string, string>();
    let at = url;
    for (let steps = 0; steps < 10 && at.startsWith(issuer); steps++) {
      const shown = new URL(at);
      if (shown.pathname.startsWith("/as/")) shown.searchParams.set("account", as ?? "");
      const cookie = [...jar].map(([key, value]) => `${key}=${value}`).join("; ");
      const { headers } = await fetch(shown, { redirect: "manual", headers: { cookie } });
      for (const one of headers.getSetCookie()) {
        const [, key = "", value = ""] = /^([^=]+)=([^;]*)/.exec(one) ?? [];
        jar.set(key, value);
      }
      at = new URL(headers.get("location") ?? "about:blank", at).href;
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
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
