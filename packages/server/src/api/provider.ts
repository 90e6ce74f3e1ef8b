import type { ClientAuth, Configuration, IDToken, UserInfoResponse } from "openid-client";
import type { Oidc } from "../config.ts";

/** What a sign-in that is under way has to know again when the browser comes back. */
export type Pending = { state: string; nonce: string; verifier: string };

/** What the provider tells of a person, by the names of its claims. */
export type Claims = IDToken & Partial<UserInfoResponse>;

/** The provider with which people sign in (OpenID Connect Core 1.0, the code flow with PKCE). */
export type Provider = {
  /** Where to send a browser. Throws `ProviderFailure`. */
  begin(redirectUri: string): Promise<{ url: URL; pending: Pending }>;
  /** Exchanges what a browser came back with for what the provider tells of the person. Throws `ProviderFailure`. */
  finish(cameBack: URL, pending: Pending): Promise<Claims>;
};

/** Why a sign-in did not work: the pages have a sentence for each. */
export type SignInRefusal = "provider_away" | "expired" | "denied" | "no_access" | "failed";

/** The provider could not be asked, or did not let somebody in. The message holds no token and no code. */
export class ProviderFailure extends Error {
  readonly refusal: SignInRefusal;

  constructor(refusal: SignInRefusal, message: string) {
    super(message);
    this.name = "ProviderFailure";
    this.refusal = refusal;
  }
}

/** For each request to the provider: somebody waits in front of a browser. */
const secondsMax = 5;
/** For so long its addresses and keys are known to whoever comes back from it … */
const knownMs = 3_600_000;
/** … and to those who set out: later ones are not sent to a provider that is away. */
const presentMs = 1_000;

/** Opens the provider that the settings name. It is not asked for anything before somebody signs in. */
export function openProvider(oidc: Oidc): Provider {
  // It costs the start 30 ms, and many have no use for it.
  const library = () => import("openid-client");
  let known: { asked: Promise<Configuration>; atMs: number } | undefined;

  const discover = (ageMsMax: number): Promise<Configuration> => {
    if (known && performance.now() - known.atMs < ageMsMax) return known.asked;
    const asked = discovered(oidc);
    known = { asked, atMs: performance.now() };
    // What failed is asked for again by the next one who signs in.
    asked.catch(() => {
      if (known?.asked === asked) known = undefined;
    });
    return asked;
  };

  return {
    async begin(redirectUri) {
      const client = await library();
      const found = await discover(presentMs).catch(rethrow);
      const verifier = client.randomPKCECodeVerifier();
      const pending = { state: client.randomState(), nonce: client.randomNonce(), verifier };
      const url = client.buildAuthorizationUrl(found, {
        redirect_uri: redirectUri,
        scope: oidc.scope,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        state: pending.state,
        nonce: pending.nonce,
      });
      return { url, pending };
    },
    async finish(cameBack, { state, nonce, verifier }) {
      const client = await library();
      try {
        const found = await discover(knownMs);
        const tokens = await client.authorizationCodeGrant(found, cameBack, {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (!claims) throw new ProviderFailure("failed", "no ID token came");
        const wanted = [oidc.teamsClaim, oidc.scopesClaim, "name"];
        const isMissing = wanted.some((name) => claims[name] === undefined);
        if (!isMissing || !found.serverMetadata().userinfo_endpoint) return claims;
        // Many tell no more in the token than who it is.
        return {
          ...(await client.fetchUserInfo(found, tokens.access_token, claims.sub)),
          ...claims,
        };
      } catch (error) {
        return rethrow(error);
      }
    },
  };
}

async function discovered({ issuer, clientId, clientSecret }: Oidc): Promise<Configuration> {
  const client = await import("openid-client");
  return await client.discovery(
    new URL(issuer),
    clientId,
    undefined,
    clientSecret === undefined ? client.None() : secretAsSupported(client, clientSecret),
    {
      timeout: secondsMax,
      // The settings allow plain http on this machine alone.
      execute: issuer.startsWith("http:") ? [client.allowInsecureRequests] : [],
    },
  );
}

/** Sends the secret as the provider says it takes it; one that says nothing takes it as a header (OpenID Connect Discovery §3). */
function secretAsSupported(client: typeof import("openid-client"), secret: string): ClientAuth {
  const header = client.ClientSecretBasic(secret);
  const body = client.ClientSecretPost(secret);
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return (methods.includes("client_secret_basic") ? header : body)(server, ...rest);
  };
}

/** Makes of what the client throws a failure whose message can be logged: codes and causes, and nothing of an answer. */
function rethrow(thrown: unknown): never {
  if (thrown instanceof ProviderFailure) throw thrown;
  const { name, code, error, status, cause } = thrown as Partial<Record<string, unknown>>;
  const causeCode = (cause as { code?: unknown } | null | undefined)?.code;
  // A browser brings `error` along: anybody may write it.
  const told = [name, code, error, status, causeCode].filter(
    (one) => typeof one === "number" || (typeof one === "string" && /^\w{1,60}$/.test(one)),
  );
  const refusal = refusalOf({ name, code, error, status });
  throw new ProviderFailure(refusal, told.join(" "));
}

function refusalOf(thrown: Partial<Record<string, unknown>>): SignInRefusal {
  const { name, code, error, status } = thrown;
  if (name === "AuthorizationResponseError") return error === "access_denied" ? "denied" : "failed";
  // The code was used, or is too old.
  if (error === "invalid_grant") return "expired";
  // What `fetch` throws is a TypeError; the client's own ones have a code.
  if (name === "TypeError" && code === undefined) return "provider_away";
  const away = ["OAUTH_TIMEOUT", "OAUTH_RESPONSE_IS_NOT_CONFORM", "OAUTH_RESPONSE_IS_NOT_JSON"];
  if (away.includes(String(code)) || Number(status) >= 500) return "provider_away";
  return "failed";
}
