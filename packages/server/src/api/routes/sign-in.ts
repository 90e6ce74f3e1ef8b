import type { FastifyInstance, FastifyReply } from "fastify";
import Type from "typebox";
import type { ApiDeps } from "../deps.ts";
import { slowGuessing } from "../failed-guesses.ts";
import { nullable } from "../fields.ts";
import {
  clearIdTokenCookie,
  readIdTokenCookie,
  setIdTokenCookie,
  signOutPath,
} from "../id-token-cookie.ts";
import { publicUrlOf } from "../own-pages.ts";
import { openPendingCookies } from "../pending-cookie.ts";
import { openSessionOfPerson } from "../person-sign-in.ts";
import { openProvider, ProviderFailure } from "../provider.ts";
import type { TypeBox } from "../request.ts";
import { sessionTokenIn, setSessionCookie } from "../session-cookie.ts";

const SignInAnswer = Type.Object(
  {
    provider: nullable(
      Type.Object(
        {
          name: Type.String(),
          url: Type.String({ description: "Where a browser goes to sign in with it." }),
          sign_out_url: Type.String({
            description:
              "Where a browser goes after its session has ended. It leads to the provider's sign-out if the person signed in with the provider, and otherwise to the dashboard.",
          }),
        },
        { title: "SignInProvider" },
      ),
    ),
  },
  { title: "SignIn" },
);

const start = "/dashboard/sign-in";
const callback = `${start}/callback`;
const home = "/dashboard/";

/** The ways to sign in, the two steps of a sign-in with the operator's provider, and the sign-out there. */
export function signInRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();
  const { oidc } = deps.config;
  // Never from the request's `Host`: the provider sends the browser there with a code.
  const at = (path: string) => `${publicUrlOf(fastify, deps.config)}${path}`;

  app.get(
    "/v1/sign-in",
    {
      config: { scope: "none" },
      schema: {
        operationId: "getSignIn",
        summary: "Tells how people sign in to the dashboard",
        description:
          "With an API key in any case; with the provider that `POSTRIDER_OIDC_ISSUER` names if there is one. Anybody may ask.",
        tags: ["Sessions"],
        response: { 200: SignInAnswer },
      },
    },
    async () => ({
      provider: oidc ? { name: oidc.name, url: at(start), sign_out_url: at(signOutPath) } : null,
    }),
  );

  if (!oidc) return;
  const provider = openProvider(oidc, deps.askProvider);
  const cookies = openPendingCookies(deps.keyring, deps.nowMs);
  const slowDown = slowGuessing();
  // Redirects of a browser: not operations of the API.
  const step = { config: { scope: "none" }, schema: { hide: true } } as const;

  /** Redirects to the sign-in page, which shows the reason; an unknown error is a bug. */
  const refuse = (reply: FastifyReply, requestId: string, thrown: unknown): FastifyReply => {
    if (!(thrown instanceof ProviderFailure)) throw thrown;
    const { refusal, message } = thrown;
    // `warn`: the operator must fix it. `info`: any visitor can cause it.
    const level = refusal === "provider_away" || refusal === "failed" ? "warn" : "info";
    deps.log[level]({ request_id: requestId, refusal, reason: message }, "a sign-in did not work");
    return reply.redirect(at(`/dashboard/#refused=${refusal}`), 303);
  };

  app.get(start, step, async (request, reply) => {
    try {
      const { url, pending } = await provider.begin(at(callback));
      return reply.header("set-cookie", cookies.set(pending)).redirect(url.href, 303);
    } catch (thrown) {
      return refuse(reply, request.id, thrown);
    }
  });

  app.get(callback, step, async (request, reply) => {
    reply.header("set-cookie", cookies.clear);
    try {
      const pending = cookies.read(request.headers.cookie);
      if (!pending) {
        await slowDown(request.ip);
        throw new ProviderFailure("expired", "no cookie of a sign-in that is under way");
      }
      const cameBack = new URL(at(callback));
      cameBack.search = request.url.replace(/^[^?]*/, "");
      const { claims, idToken } = await provider.finish(cameBack, pending);
      const token = await openSessionOfPerson(deps, oidc, claims, request);
      return reply
        .header("set-cookie", setSessionCookie("dashboard", token))
        .header("set-cookie", setIdTokenCookie(idToken))
        .redirect(at(home), 303);
    } catch (thrown) {
      return refuse(reply, request.id, thrown);
    }
  });

  app.get(signOutPath, step, async (request, reply) => {
    const kept = readIdTokenCookie(request.headers.cookie);
    // The session here ends first: a person who is still signed in here stays signed in at the provider.
    const isOpen = sessionTokenIn(request.headers)?.kind === "dashboard";
    if (kept === undefined || isOpen) return reply.redirect(at(home), 303);
    reply.header("set-cookie", clearIdTokenCookie);
    try {
      const url = await provider.signOutUrl({ idToken: kept.idToken, returnTo: at(home) });
      return reply.redirect(url?.href ?? at(home), 303);
    } catch (thrown) {
      if (!(thrown instanceof ProviderFailure)) throw thrown;
      const { refusal, message } = thrown;
      deps.log.warn(
        { request_id: request.id, refusal, reason: message },
        "a sign-out at the provider did not work",
      );
      return reply.redirect(at(home), 303);
    }
  });
}
