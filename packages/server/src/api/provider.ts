import type {
  ClientAuth,
  Configuration,
  CustomFetch,
  IDToken,
  UserInfoResponse,
} from "openid-client";
import type { Oidc } from "../config.ts";

/** The values of an unfinished sign-in that are needed when the browser returns. */
export type Pending = { state: string; nonce: string; verifier: string };

/** The provider's claims about a person, by name. */
export type Claims = IDToken & Partial<UserInfoResponse>;

/** The provider with which people sign in (OpenID Connect Core 1.0, the code flow with PKCE). */
export type Provider = {
  /** Gives the URL to send a browser to. Throws `ProviderFailure`. */
  begin(redirectUri: string): Promise<{ url: URL; pending: Pending }>;
  /** Exchanges the code in the returned URL for the provider's claims about the person. Throws `ProviderFailure`. */
  finish(cameBack: URL, pending: Pending): Promise<SignedIn>;
  /**
   * Gives the URL that ends a browser's session at the provider (RP-Initiated Logout 1.0); undefined when the provider
   * has none. Throws `ProviderFailure`.
   */
  signOutUrl(options: { idToken: string | undefined; returnTo: string }): Promise<URL | undefined>;
};

/** A person that the provider authenticated. */
export type SignedIn = {
  claims: Claims;
  /** The token with the claims; a sign-out names the session by it. */
  idToken: string;
};

/** Why a sign-in failed; the pages have a sentence for each. */
export type SignInRefusal = "provider_away" | "expired" | "denied" | "no_access" | "failed";

/** The provider could not be reached, or refused the sign-in. The message contains no token and no code. */
export class ProviderFailure extends Error {
  readonly refusal: SignInRefusal;

  constructor(refusal: SignInRefusal, message: string) {
    super(message);
    this.name = "ProviderFailure";
    this.refusal = refusal;
  }
}

/** The time limit of each request to the provider, because a person waits. */
const secondsMax = 5;
/** How long its addresses and keys are cached for people who return from it … */
const knownMs = 3_600_000;
/** … and for people who begin to sign in, so that they are not sent to a provider that is away. */
const presentMs = 1_000;

/** Opens the provider of the settings, which is asked by `ask`. It gets no request before the first sign-in. */
export function openProvider(oidc: Oidc, ask: typeof fetch | undefined): Provider {
  // Loaded when it is needed: it takes 30 ms, and many installations do not use it.
  const library = () => import("openid-client");
  let known: { asked: Promise<Configuration>; atMs: number } | undefined;

  const discover = (ageMsMax: number): Promise<Configuration> => {
    if (known && performance.now() - known.atMs < ageMsMax) return known.asked;
    const asked = discovered(oidc, ask);
    known = { asked, atMs: performance.now() };
    // After a failure the next sign-in asks again.
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
        const { id_token: idToken } = tokens;
        if (!claims || idToken === undefined) {
          throw new ProviderFailure("failed", "no ID token came");
        }
        const wanted = [oidc.teamsClaim, oidc.scopesClaim, "name"];
        const isMissing = wanted.some((name) => claims[name] === undefined);
        if (!isMissing || !found.serverMetadata().userinfo_endpoint) return { claims, idToken };
        // Many providers put only the person's id into the token.
        const more = await client.fetchUserInfo(found, tokens.access_token, claims.sub);
        return { claims: { ...more, ...claims }, idToken };
      } catch (error) {
        return rethrow(error);
      }
    },
    async signOutUrl({ idToken, returnTo }) {
      const client = await library();
      const found = await discover(knownMs).catch(rethrow);
      if (found.serverMetadata().end_session_endpoint === undefined) return undefined;
      // The library adds the client's id.
      return client.buildEndSessionUrl(found, {
        post_logout_redirect_uri: returnTo,
        ...(idToken === undefined ? {} : { id_token_hint: idToken }),
      });
    },
  };
}

async function discovered(
  { issuer, clientId, clientSecret }: Oidc,
  ask: typeof fetch | undefined,
): Promise<Configuration> {
  const client = await import("openid-client");
  return await client.discovery(
    new URL(issuer),
    clientId,
    undefined,
    clientSecret === undefined ? client.None() : secretAsSupported(client, clientSecret),
    {
      timeout: secondsMax,
      // The settings allow plain http only on this machine.
      execute: issuer.startsWith("http:") ? [client.allowInsecureRequests] : [],
      ...(ask && { [client.customFetch]: ask as CustomFetch }),
    },
  );
}

/** Sends the secret by the method that the provider supports; by default as a header (OpenID Connect Discovery §3). */
function secretAsSupported(client: typeof import("openid-client"), secret: string): ClientAuth {
  const header = client.ClientSecretBasic(secret);
  const body = client.ClientSecretPost(secret);
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return (methods.includes("client_secret_basic") ? header : body)(server, ...rest);
  };
}

/** Converts the client's error to a failure whose message can be logged: codes and causes, nothing of an answer. */
function rethrow(thrown: unknown): never {
  if (thrown instanceof ProviderFailure) throw thrown;
  const { name, code, error, status, cause } = thrown as Partial<Record<string, unknown>>;
  const causeCode = (cause as { code?: unknown } | null | undefined)?.code;
  // `error` comes from the browser: anybody could have written it.
  const told = [name, code, error, status, causeCode].filter(
    (one) => typeof one === "number" || (typeof one === "string" && /^\w{1,60}$/.test(one)),
  );
  const refusal = refusalOf({ name, code, error, status });
  throw new ProviderFailure(refusal, told.join(" "));
}

function refusalOf(thrown: Partial<Record<string, unknown>>): SignInRefusal {
  const { name, code, error, status } = thrown;
  if (name === "AuthorizationResponseError") return error === "access_denied" ? "denied" : "failed";
  // The code was used already or has expired.
  if (error === "invalid_grant") return "expired";
  // `fetch` throws a TypeError without a code; the client's own errors have one.
  if (name === "TypeError" && code === undefined) return "provider_away";
  const away = ["OAUTH_TIMEOUT", "OAUTH_RESPONSE_IS_NOT_CONFORM", "OAUTH_RESPONSE_IS_NOT_JSON"];
  if (away.includes(String(code)) || Number(status) >= 500) return "provider_away";
  return "failed";
}
