import type { OwnContract } from "../../api/webhooks.ts";
import { Check, faultOf, TextField } from "../../components/fields.tsx";
import type { Draft } from "./draft.ts";

type Props = { draft: Draft; change: (patch: Partial<Draft>) => void; error: unknown };

/** The timeout of attempts and the retry policy (contract A and operational webhooks). */
export const PolicyFields = ({ draft, change, error }: Props) => (
  <fieldset className="grid gap-4 sm:grid-cols-3">
    <legend className="sr-only">Attempts</legend>
    <TextField
      label="Time-out in seconds"
      type="number"
      min={1}
      max={60}
      value={draft.timeout}
      onChange={(timeout) => change({ timeout })}
      fault={faultOf(error, "timeout_seconds")}
      hint="1 to 60"
    />
    <TextField
      label="Retries"
      type="number"
      min={0}
      max={10}
      value={draft.retries}
      onChange={(retries) => change({ retries })}
      fault={faultOf(error, "max_retries")}
      hint="0 to 10"
    />
    <TextField
      label="First retry after seconds"
      type="number"
      min={1}
      max={300}
      value={draft.backoff}
      onChange={(backoff) => change({ backoff })}
      fault={faultOf(error, "retry_backoff_seconds")}
      hint="1 to 300; each further retry waits twice as long"
    />
  </fieldset>
);

/** The contract's own authentication: a bearer token (A), or a secret that signs the body (B). */
export function SecretField({ contract, draft, change, error }: Props & { contract: OwnContract }) {
  const bearer = contract !== "organisation";
  return (
    <div className="grid gap-1">
      <TextField
        label={bearer ? "Bearer token" : "Secret"}
        type="password"
        mono
        value={draft.secret}
        onChange={(secret) => change({ secret, clearsSecret: false })}
        fault={faultOf(error, bearer ? "bearer_token" : "secret")}
        placeholder={draft.hasSecret ? "is set; type to replace it" : "none"}
        hint={
          bearer
            ? "Optional. Sent as Authorization: Bearer …, and never shown again."
            : "Optional. Signs the body in X-Webhook-Signature, and is never shown again."
        }
      />
      {draft.hasSecret && (
        <Check
          label={bearer ? "Stop sending the token" : "Remove the secret"}
          checked={draft.clearsSecret}
          onChange={(clearsSecret) => change({ clearsSecret, secret: "" })}
        />
      )}
    </div>
  );
}
