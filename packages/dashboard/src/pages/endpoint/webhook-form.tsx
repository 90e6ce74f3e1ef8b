import type { OperationalWebhook, Webhook, WorkflowWebhook } from "@postrider/sdk";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { createWebhook, type OwnContract, updateWebhook } from "../../api/webhooks.ts";
import { Check, CheckList, faultOf, TextField } from "../../components/fields.tsx";
import { FormShell } from "../../components/form-shell.tsx";
import { HeaderFields } from "../../components/header-fields.tsx";
import { Page } from "../../components/page.tsx";
import { say } from "../../components/toasts.tsx";
import { printSearch } from "../../search.ts";
import { eventTypes } from "../../words/event-types.ts";
import { bodyOf, type Draft, draftOf, membersOf } from "./draft.ts";
import { PolicyFields, SecretField } from "./policy-fields.tsx";

type Props = { contract: OwnContract; existing?: WorkflowWebhook | OperationalWebhook | Webhook };

const titles: Readonly<Record<OwnContract, string>> = {
  workflow: "New workflow webhook",
  organisation: "New organisation webhook",
  operational: "New operational webhook",
};

/** What each kind is for: people have to choose one. */
const purposes: Readonly<Record<OwnContract, string>> = {
  workflow: "Events of workflows and their runs",
  organisation: "Events of runs and their steps",
  operational:
    "Alerts for operators: endpoints that fail, deliveries that failed for good, replays",
};

/** Creates or changes a webhook; a refusal of the API is shown at its field. */
export function WebhookForm({ contract, existing }: Props) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const [draft, setDraft] = useState<Draft>(() => draftOf(existing));
  const change = (patch: Partial<Draft>): void => setDraft({ ...draft, ...patch });
  const saving = useMutation({
    mutationFn: () => {
      const body = bodyOf(contract, draft, existing !== undefined);
      return existing
        ? updateWebhook(contract, existing.id, body)
        : createWebhook(contract, body as never);
    },
    onSuccess: (saved) => {
      for (const key of ["endpoints", "webhook"]) {
        void client.invalidateQueries({ queryKey: [key] });
      }
      say(`${saved.name} is saved`);
      navigate(`/endpoints${printSearch({ endpoint: saved.id })}`);
    },
  });
  const { error } = saving;
  const members = membersOf(contract);
  const back = existing ? `/endpoints${printSearch({ endpoint: existing.id })}` : "/endpoints";
  return (
    <Page
      title={existing ? `Edit ${existing.name}` : titles[contract]}
      about={existing ? undefined : purposes[contract]}
    >
      <FormShell
        error={error}
        known={Object.values(members)}
        saving={saving.isPending}
        action={existing ? "Save" : "Create"}
        onSave={() => saving.mutate()}
        aside={
          <Link href={back} className="btn">
            Cancel
          </Link>
        }
      >
        <TextField
          label="Name"
          required
          value={draft.name}
          onChange={(name) => change({ name })}
          fault={faultOf(error, "name")}
          placeholder="Billing system"
        />
        <TextField
          label="URL"
          type="url"
          mono
          required
          value={draft.url}
          onChange={(url) => change({ url })}
          fault={faultOf(error, "url")}
          hint="Where events are posted: https, reachable from outside."
          placeholder="https://example.com/webhooks"
        />
        <CheckList
          legend="Event types"
          options={eventTypes[contract]}
          chosen={draft.events}
          onChange={(events) => change({ events })}
          fault={faultOf(error, members.events)}
        />
        <SecretField contract={contract} draft={draft} change={change} error={error} />
        <HeaderFields
          existing={existing?.header_names ?? []}
          rows={draft.headers}
          onChange={(headers) => change({ headers })}
          fault={faultOf(error, "headers")}
        />
        {contract === "operational" && (
          <Check
            label="Events of all teams"
            hint="Needs the operator's key. Each event names its team."
            checked={draft.allTeams}
            onChange={(allTeams) => change({ allTeams })}
          />
        )}
        {contract !== "organisation" && (
          <PolicyFields draft={draft} change={change} error={error} />
        )}
      </FormShell>
    </Page>
  );
}
