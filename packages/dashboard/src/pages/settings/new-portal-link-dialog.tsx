import type { NewPortalLink } from "@postrider/sdk";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  createPortalLink,
  endpointsOfTeamQuery,
  portalLinksQuery,
} from "../../api/portal-links.ts";
import { Copy } from "../../components/copy.tsx";
import { Modal } from "../../components/dialogs.tsx";
import { Check, Field, FormFault, faultOf, TextField } from "../../components/fields.tsx";
import { Note } from "../../components/states.tsx";
import { useViewer } from "../../shell/viewer.tsx";
import { type LinkDraft, newLinkDraft, portalLinkOf } from "./portal-link-draft.ts";

const hour = 3_600;
const lives = [
  [900, "15 minutes"],
  [hour, "1 hour"],
  [8 * hour, "8 hours"],
  [24 * hour, "1 day"],
] as const;

/** Creates a portal link and shows it once. */
export function NewPortalLinkDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const { team_id } = useViewer();
  const [draft, setDraft] = useState(() => newLinkDraft(team_id));
  const creating = useMutation({
    mutationFn: () => createPortalLink(portalLinkOf(draft)),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: portalLinksQuery.queryKey }),
  });
  if (creating.data) return <Made link={creating.data} onClose={onClose} />;
  const { error } = creating;
  return (
    <Modal
      open
      onClose={onClose}
      title="New portal link"
      about="Whoever has it sees what it is for, until it ends."
    >
      <form
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          creating.mutate();
        }}
      >
        <Fields draft={draft} change={(patch) => setDraft({ ...draft, ...patch })} error={error} />
        <FormFault
          error={error}
          known={["endpoint_ids", "expires_in_seconds", "accent", "background", "logo_url"]}
        />
        <div className="flex flex-wrap justify-end gap-2">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="btn btn-primary"
            disabled={creating.isPending || (draft.some && draft.endpoints.length === 0)}
          >
            Make the link
          </button>
        </div>
      </form>
    </Modal>
  );
}

const Made = ({ link, onClose }: { link: NewPortalLink; onClose: () => void }) => (
  <Modal open onClose={onClose} title="The link is made">
    <div className="grid gap-3">
      <Note>Copy the link now: it is shown here and never again.</Note>
      <p className="mono rounded bg-sunken px-2.5 py-2 break-all">{link.url}</p>
      <div className="flex flex-wrap justify-end gap-2">
        <Copy text={link.url} what="link" className="btn btn-primary">
          Copy the link
        </Copy>
        <button type="button" className="btn" onClick={onClose}>
          Done
        </button>
      </div>
    </div>
  </Modal>
);

type FieldsProps = {
  draft: LinkDraft;
  change: (patch: Partial<LinkDraft>) => void;
  error: unknown;
};

function Fields({ draft, change, error }: FieldsProps) {
  const { teams } = useViewer();
  return (
    <>
      {teams.length > 1 && (
        <Field label="Team">
          {(ids) => (
            <select
              {...ids}
              className="field"
              value={draft.team}
              onChange={({ target }) => change({ team: target.value, endpoints: [] })}
            >
              {teams.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <Field label="Lets its user" fault={faultOf(error, "access")}>
        {(ids) => (
          <select
            {...ids}
            className="field"
            value={draft.access}
            onChange={({ target }) => change({ access: target.value as LinkDraft["access"] })}
          >
            <option value="read">look</option>
            <option value="manage">look, and change endpoints and replay</option>
          </select>
        )}
      </Field>
      <Endpoints draft={draft} change={change} error={error} />
      <Field label="Works for" fault={faultOf(error, "expires_in_seconds")}>
        {(ids) => (
          <select
            {...ids}
            className="field"
            value={draft.seconds}
            onChange={({ target }) => change({ seconds: Number(target.value) })}
          >
            {lives.map(([seconds, word]) => (
              <option key={seconds} value={seconds}>
                {word}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          label="Accent colour"
          mono
          value={draft.accent}
          onChange={(accent) => change({ accent })}
          fault={faultOf(error, "theme", "accent")}
          placeholder="#1f6feb"
        />
        <TextField
          label="Background colour"
          mono
          value={draft.background}
          onChange={(background) => change({ background })}
          fault={faultOf(error, "theme", "background")}
          placeholder="#ffffff"
        />
      </div>
      <TextField
        label="Logo"
        type="url"
        mono
        value={draft.logo}
        onChange={(logo) => change({ logo })}
        fault={faultOf(error, "theme", "logo_url")}
        placeholder="https://example.com/logo.svg"
        hint="An https address of an image. Colours and logo may be left out."
      />
    </>
  );
}

function Endpoints({ draft, change, error }: FieldsProps) {
  const { data } = useQuery(endpointsOfTeamQuery(draft.team));
  const fault = faultOf(error, "endpoint_ids");
  const endpoints = data?.endpoints.filter(({ contract }) => contract !== "operational") ?? [];
  return (
    <fieldset className="grid gap-1">
      <legend className="mb-1 font-[550]">Endpoints</legend>
      <Check
        label="Only some of them"
        hint="Otherwise all of the team, and those that are made later."
        checked={draft.some}
        onChange={(some) => change({ some })}
      />
      {draft.some && (
        <div className="max-h-48 overflow-y-auto rounded border border-line px-2.5 py-1">
          {endpoints.map(({ id, name }) => (
            <label key={id} className="flex min-h-8 items-center gap-2 pointer-coarse:min-h-10">
              <input
                type="checkbox"
                className="size-4 shrink-0 accent-accent"
                checked={draft.endpoints.includes(id)}
                onChange={({ target }) =>
                  change({
                    endpoints: target.checked
                      ? [...draft.endpoints, id]
                      : draft.endpoints.filter((one) => one !== id),
                  })
                }
              />
              <span className="min-w-0 [overflow-wrap:anywhere]">{name}</span>
            </label>
          ))}
          {data && endpoints.length === 0 && (
            <p className="py-1 text-ink-2">The team has no endpoint yet.</p>
          )}
        </div>
      )}
      {fault && <p className="text-xs text-bad">{fault}</p>}
    </fieldset>
  );
}
