import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { ApiFailure, sentenceOf } from "../api/problem.ts";
import { signIn, viewerQuery, waysInQuery } from "../api/session.ts";
import { Note } from "../components/states.tsx";
import { noteWanted, SignInRefused } from "../entry.ts";
import { place } from "../place.ts";
import { Brand } from "./brand.tsx";

/** The sign-in page: a link to the provider, or a field for a key. In a portal it only says that a new link is needed. */
export function SignIn({ refused }: { refused: unknown }) {
  return (
    <main className="mx-auto grid min-h-full max-w-md content-center gap-5 px-4 py-10">
      <Brand />
      {place.kind === "portal" ? <NeedsLink /> : <WaysIn refused={refused} />}
    </main>
  );
}

function WaysIn({ refused }: { refused: unknown }) {
  const { data, isPending } = useQuery(waysInQuery);
  // The form is shown when the ways to sign in are known, so that it does not move while a person types.
  if (isPending) return null;
  const provider = data?.provider;
  return (
    <div className="card grid gap-4 p-5">
      <h1>Sign in</h1>
      {refused instanceof SignInRefused && (
        <p role="alert" className="text-bad">
          {refused.message}
        </p>
      )}
      {provider && (
        <>
          <a
            href={provider.url}
            className="btn btn-primary justify-center"
            onClick={() => noteWanted()}
          >
            <span className="truncate">Sign in with {provider.name}</span>
          </a>
          <p className="flex items-center gap-3 text-xs text-ink-3 before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
            or
          </p>
        </>
      )}
      <KeyForm refused={refused instanceof SignInRefused ? null : refused} plain={!provider} />
    </div>
  );
}

const NeedsLink = () => (
  <div className="card grid gap-2 p-5">
    <h1>This link has ended</h1>
    <p className="text-ink-2">
      Links to this portal work for a limited time. Open it again from where you found it, or ask
      for a new link.
    </p>
  </div>
);

function KeyForm({ refused, plain }: { refused: unknown; plain: boolean }) {
  const id = useId();
  const client = useQueryClient();
  const [key, setKey] = useState("");
  const entering = useMutation({
    mutationFn: async () => {
      await signIn({ api_key: key.trim() });
      const viewer = await client.fetchQuery({ ...viewerQuery, staleTime: 0 });
      if (viewer === null) throw new CookieDropped();
    },
  });
  const failed = entering.error ?? refused;
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        entering.mutate();
      }}
    >
      {failed instanceof CookieDropped ? (
        <PlainHttp />
      ) : (
        failed != null && (
          <p role="alert" className="text-bad" id={`${id}-failed`}>
            {failed === refused && entering.error === null
              ? "This sign-in link has expired or was used. Links work once, for 10 minutes. "
              : ""}
            {failed instanceof ApiFailure && failed.status === 401 && entering.error
              ? "No such key. Keys look like prk_…; copy it whole."
              : entering.error && sentenceOf(failed)}
          </p>
        )
      )}
      <div className="grid gap-1">
        <label htmlFor={id} className="font-[550]">
          API key
        </label>
        <input
          id={id}
          type="password"
          className="field mono"
          autoComplete="current-password"
          spellCheck={false}
          required
          placeholder="prk_…"
          value={key}
          aria-describedby={`${id}-help`}
          onChange={(event) => setKey(event.target.value)}
        />
        <p id={`${id}-help`} className="text-xs text-ink-3">
          You have the permissions of the key. In development, <code>npm start</code> prints a link
          that signs you in.
        </p>
      </div>
      <button
        type="submit"
        className={`btn ${plain ? "btn-primary" : ""}`}
        disabled={entering.isPending}
      >
        {entering.isPending ? "Signing in…" : plain ? "Sign in" : "Sign in with the key"}
      </button>
    </form>
  );
}

class CookieDropped extends Error {}

const PlainHttp = () => (
  <Note>
    <p className="font-[600]">The browser did not keep the session.</p>
    <p>
      This page came over plain http from another machine, and browsers keep session cookies only
      over https or on this machine itself. Open it by https, or through a tunnel:{" "}
      <code className="mono">ssh -L 8080:127.0.0.1:8080 {location.hostname}</code>, then{" "}
      <code className="mono">http://127.0.0.1:8080{place.base}/</code>
    </p>
  </Note>
);
