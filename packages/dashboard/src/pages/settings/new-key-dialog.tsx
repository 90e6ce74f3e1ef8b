import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { createKey, keysQuery } from "../../api/keys.ts";
import type { Scope } from "../../api/session.ts";
import { Copy } from "../../components/copy.tsx";
import { Modal } from "../../components/dialogs.tsx";
import { CheckList, Field, FormFault, faultOf, TextField } from "../../components/fields.tsx";
import { Note } from "../../components/states.tsx";
import { useViewer } from "../../shell/viewer.tsx";

const scopes = {
  read: "Lists, details and counts",
  write: "Endpoints, assistants, retries and replays",
  publish: "Reports what happened",
  payload: "Sees payloads and answers",
  admin: "Teams, keys and the audit",
} as const satisfies Record<Scope, string>;

const day = 86_400;
const lives = [
  ["", "until it is revoked"],
  [String(day), "1 day"],
  [String(30 * day), "30 days"],
  [String(365 * day), "1 year"],
] as const;

/** Creates a key and shows it once. */
export function NewKeyDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const viewer = useViewer();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly string[]>(["read"]);
  const [life, setLife] = useState<string>("");
  const creating = useMutation({
    mutationFn: () =>
      createKey({
        name,
        scopes: chosen as Scope[],
        team_ids: [viewer.team_id],
        expires_in_seconds: life === "" ? null : Number(life),
      }),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: keysQuery.queryKey }),
  });
  if (creating.data) {
    return (
      <Modal open onClose={onClose} title={`${creating.data.name} is made`}>
        <div className="grid gap-3">
          <Note>Copy the key now. It is shown only once.</Note>
          <p className="mono rounded bg-sunken px-2.5 py-2 break-all">{creating.data.key}</p>
          <div className="flex flex-wrap justify-end gap-2">
            <Copy text={creating.data.key} what="key" className="btn btn-primary">
              Copy the key
            </Copy>
            <button type="button" className="btn" onClick={onClose}>
              Done
            </button>
          </div>
        </div>
      </Modal>
    );
  }
  const { error } = creating;
  return (
    <Modal open onClose={onClose} title="New API key" about="It reaches this team alone.">
      <form
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          creating.mutate();
        }}
      >
        <TextField
          label="Name"
          required
          value={name}
          onChange={setName}
          fault={faultOf(error, "name")}
          placeholder="Billing system, production"
        />
        <CheckList
          legend="May"
          options={Object.keys(scopes)}
          chosen={chosen}
          onChange={setChosen}
          fault={faultOf(error, "scopes")}
          about={scopes}
        />
        <Field label="Works" fault={faultOf(error, "expires_in_seconds")}>
          {(ids) => (
            <select
              {...ids}
              className="field"
              value={life}
              onChange={({ target }) => setLife(target.value)}
            >
              {lives.map(([value, word]) => (
                <option key={value} value={value}>
                  {word}
                </option>
              ))}
            </select>
          )}
        </Field>
        <FormFault error={error} known={["name", "scopes", "expires_in_seconds"]} />
        <div className="flex flex-wrap justify-end gap-2">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn btn-primary" disabled={creating.isPending}>
            Make the key
          </button>
        </div>
      </form>
    </Modal>
  );
}
