import type { DeliveryAttempt, Endpoint } from "@postrider/sdk";
import { verify, WebhookVerificationError } from "@postrider/sdk";
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { revealSecret } from "../../api/endpoints.ts";
import { sentenceOf } from "../../api/problem.ts";
import { Modal } from "../../components/dialogs.tsx";
import { useMay } from "../../shell/viewer.tsx";

type Props = {
  attempt: DeliveryAttempt;
  /** Its endpoint; undefined while that is not known. */
  endpoint: Endpoint | undefined;
  body: string;
  open: boolean;
  onClose: () => void;
};

/**
 * Checks the signature of a request in the page, as a receiver would.
 *
 * With a pasted secret, which does not leave the browser, or with the endpoint's own, which is read only after a click,
 * because each read is in the audit log.
 */
export function SignatureCheck({ attempt, endpoint, body, open, onClose }: Props) {
  const id = useId();
  const [secret, setSecret] = useState("");
  const mayLook = useMay(endpoint?.contract === "operational" ? "admin" : "write");
  const checking = useMutation({
    gcTime: 0,
    mutationFn: async (pasted: string | null) => {
      if (globalThis.crypto?.subtle === undefined) {
        throw new Error("Browsers can check signatures only over https or on this machine itself.");
      }
      const used = pasted ?? (endpoint ? (await revealSecret(endpoint)).secret : "");
      // The age is not checked: this page's clock says nothing about the request.
      await verify(body, attempt.request_headers ?? {}, used, { toleranceSeconds: 1e10 });
    },
  });
  return (
    <Modal open={open} onClose={onClose} title="Check the signature">
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          checking.mutate(secret.trim());
        }}
      >
        {endpoint && mayLook && (
          <>
            <button
              type="button"
              className="btn btn-primary justify-self-start"
              disabled={checking.isPending}
              onClick={() => checking.mutate(null)}
            >
              Check with the endpoint's secret
            </button>
            <p className="text-xs text-ink-3">
              The page reads the secret and does not show it. That look is in the audit.
            </p>
            <hr className="border-line" />
          </>
        )}
        <label htmlFor={id} className="font-[550]">
          {endpoint && mayLook ? "Or another secret" : "Signing secret"}
        </label>
        <input
          id={id}
          className="field mono"
          placeholder="whsec_…"
          autoComplete="off"
          spellCheck={false}
          required
          value={secret}
          aria-describedby={`${id}-help`}
          onChange={(event) => setSecret(event.target.value)}
        />
        <p id={`${id}-help`} className="text-xs text-ink-3">
          What you paste stays in this page.
        </p>
        <button type="submit" className="btn justify-self-start" disabled={checking.isPending}>
          Check
        </button>
        <div role="status">
          {checking.isSuccess && (
            <p className="font-[550] text-ok">
              It matches: the body and webhook-id are signed under this secret.
            </p>
          )}
          {checking.isError && (
            <p className="font-[550] text-bad">
              {checking.error instanceof WebhookVerificationError &&
              checking.error.code === "no_matching_signature"
                ? "It does not match: another secret was used. After a rotation, older requests match the old one."
                : sentenceOf(checking.error)}
            </p>
          )}
        </div>
      </form>
    </Modal>
  );
}
