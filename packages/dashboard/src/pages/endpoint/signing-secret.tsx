import type { Endpoint } from "@postrider/sdk";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { revealSecret, rotateSecret } from "../../api/endpoints.ts";
import { Copy } from "../../components/copy.tsx";
import { Confirm } from "../../components/dialogs.tsx";
import { Card } from "../../components/page.tsx";
import { Failure, Note } from "../../components/states.tsx";
import { DateTime, Until } from "../../components/times.tsx";

/** The signing secret: hidden until it is requested; rotated with an overlap. */
export function SigningSecret({ endpoint }: { endpoint: Endpoint }) {
  const [asks, setAsks] = useState(false);
  // Kept only in this component, so that it leaves the page's memory with it.
  const revealing = useMutation({ mutationFn: () => revealSecret(endpoint), gcTime: 0 });
  const rotating = useMutation({
    mutationFn: () => rotateSecret(endpoint),
    gcTime: 0,
    onSuccess: () => setAsks(false),
  });
  const shown = rotating.data ?? revealing.data;
  const error = rotating.error ?? revealing.error;
  return (
    <Card title="Signing secret">
      <div className="grid gap-3 px-4 pb-4">
        <p className="text-ink-2">
          Receivers verify with it that a request comes from here. The audit log records each time
          it is shown.
        </p>
        {shown === undefined ? (
          <p className="mono rounded bg-sunken px-2.5 py-2 text-ink-3">
            whsec_••••••••••••••••••••
          </p>
        ) : (
          <p className="rounded bg-sunken px-2.5 py-2">
            <span className="mono break-all">{shown.secret}</span>{" "}
            <Copy text={shown.secret} what="secret" />
          </p>
        )}
        {shown?.previous_expires_at && (
          <Note>
            The secret before it is valid as well until <DateTime at={shown.previous_expires_at} />{" "}
            (<Until at={shown.previous_expires_at} />
            ): requests carry both signatures. Give the receiver the new one before then.
          </Note>
        )}
        {error && <Failure error={error} />}
        <div className="flex flex-wrap gap-2">
          {shown === undefined ? (
            <button
              type="button"
              className="btn"
              disabled={revealing.isPending}
              onClick={() => revealing.mutate()}
            >
              Reveal
            </button>
          ) : (
            <button
              type="button"
              className="btn"
              onClick={() => {
                revealing.reset();
                rotating.reset();
              }}
            >
              Hide
            </button>
          )}
          <button type="button" className="btn" onClick={() => setAsks(true)}>
            Rotate…
          </button>
        </div>
      </div>
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title={`Rotate the signing secret of ${endpoint.name}?`}
        action="Rotate"
        busy={rotating.isPending}
        onConfirm={() => rotating.mutate()}
      >
        <p>
          A new secret is made and signs from now on. The present one stays valid for 24 hours:
          until then every request carries both signatures, and the receiver goes on working.
        </p>
      </Confirm>
    </Card>
  );
}
