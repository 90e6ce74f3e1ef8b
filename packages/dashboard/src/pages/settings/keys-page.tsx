import type { ApiKey } from "@postrider/sdk";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { keysQuery, revokeKey } from "../../api/keys.ts";
import { Confirm } from "../../components/dialogs.tsx";
import { Listed } from "../../components/listed.tsx";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { Status, Tag } from "../../components/status.tsx";
import { Age, Moment } from "../../components/times.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { useMay, useViewer } from "../../shell/viewer.tsx";
import { NewKeyDialog } from "./new-key-dialog.tsx";

/** The keys that reach this team. */
export default function KeysPage() {
  const may = useMay("admin");
  const [creates, setCreates] = useState(false);
  const query = useInfiniteQuery({ ...keysQuery, enabled: may });
  const keys = query.data?.pages.flatMap((page) => page.api_keys) ?? [];
  return (
    <Page
      title="API keys"
      needs="admin"
      actions={
        <button type="button" className="btn btn-primary" onClick={() => setCreates(true)}>
          New key…
        </button>
      }
    >
      <div className="bg-surface">
        <Listed
          query={query}
          items={keys}
          label="API keys"
          skeletonRows={4}
          empty={<Empty title="No API keys" />}
          row={(key) => <Row key={key.id} apiKey={key} />}
        />
      </div>
      {creates && <NewKeyDialog onClose={() => setCreates(false)} />}
    </Page>
  );
}

/** Whether a key works, as a word. */
function stateOf(key: ApiKey, nowMs: number) {
  if (key.revoked_at !== null) return { word: "Revoked", tone: "idle" } as const;
  if (key.expires_at !== null && Date.parse(key.expires_at) < nowMs) {
    return { word: "Expired", tone: "idle" } as const;
  }
  return { word: "Works", tone: "ok" } as const;
}

function Row({ apiKey }: { apiKey: ApiKey }) {
  const client = useQueryClient();
  const viewer = useViewer();
  const [asks, setAsks] = useState(false);
  const revoking = useMutation({
    mutationFn: () => revokeKey(apiKey.id),
    onSuccess: () => {
      setAsks(false);
      void client.invalidateQueries({ queryKey: keysQuery.queryKey });
      say(`${apiKey.name} is revoked`);
    },
    onError: sayFailure,
  });
  const state = stateOf(apiKey, Date.now());
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5">
      <span className="w-24">
        <Status of={state} />
      </span>
      <div className="min-w-0 flex-1 basis-60">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span className="font-[600] break-words">{apiKey.name}</span>
          {apiKey.id === viewer.id && <Tag tone="idle">yours</Tag>}
        </p>
        <p className="mono break-all text-ink-3">
          {apiKey.person
            ? "signs in with the provider"
            : apiKey.prefix === null
              ? "set by the operator"
              : `${apiKey.prefix}…${apiKey.last4}`}
        </p>
      </div>
      <span className="text-[13px] text-ink-2">{apiKey.scopes.join(", ")}</span>
      <span className="text-[13px] text-ink-2">
        {apiKey.last_used_at === null ? (
          "never used"
        ) : (
          <>
            used <Age at={apiKey.last_used_at} /> ago
          </>
        )}
        {apiKey.expires_at !== null && (
          <>
            , until <Moment at={apiKey.expires_at} />
          </>
        )}
      </span>
      {state.word === "Works" && apiKey.id !== viewer.id && (
        <button
          type="button"
          className="btn btn-danger"
          aria-label={`Revoke ${apiKey.name}…`}
          onClick={() => setAsks(true)}
        >
          Revoke…
        </button>
      )}
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title={`Revoke ${apiKey.name}?`}
        action={`Revoke ${apiKey.name}`}
        busy={revoking.isPending}
        onConfirm={() => revoking.mutate()}
      >
        <p>
          {apiKey.person
            ? "The sessions of this person end at once. The provider decides whether the person can sign in again."
            : "Requests with it are refused within two seconds, and so are its sessions. It cannot be brought back."}
        </p>
      </Confirm>
    </li>
  );
}
