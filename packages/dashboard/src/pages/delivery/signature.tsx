import type { DeliveryAttempt } from "@postrider/sdk";
import { verify, WebhookVerificationError } from "@postrider/sdk";
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { sentenceOf } from "../../api/problem.ts";
import { Modal } from "../../components/dialogs.tsx";

type Props = {
  attempt: DeliveryAttempt;
  body: string;
  open: boolean;
  onClose: () => void;
};

/** Checks the signature of a request in the page, as a receiver would: the secret does not leave the browser. */
export function SignatureCheck({ attempt, body, open, onClose }: Props) {
  const id = useId();
  const [secret, setSecret] = useState("");
  const checking = useMutation({
    mutationFn: () => {
      if (globalThis.crypto?.subtle === undefined) {
        throw new Error("Browsers can check signatures only over https or on this machine itself.");
      }
      // However old it is: the clock of this page says nothing about the request.
      return verify(body, attempt.request_headers ?? {}, secret.trim(), {
        toleranceSeconds: 1e10,
      });
    },
  });
  return (
    <Modal
      open={open}
      onClose={onClose}
      title="Check the signature"
      about="Paste the endpoint's signing secret. It stays in this page."
    >
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          checking.mutate();
        }}
      >
        <label htmlFor={id} className="font-[550]">
          Signing secret
        </label>
        <input
          id={id}
          className="field mono"
          placeholder="whsec_…"
          autoComplete="off"
          spellCheck={false}
          required
          value={secret}
          onChange={(event) => setSecret(event.target.value)}
        />
        <button type="submit" className="btn btn-primary justify-self-start">
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
