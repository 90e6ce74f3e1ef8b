import type { Assistant } from "@postrider/sdk";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { createAssistant, updateAssistant } from "../../api/assistants.ts";
import { eventTypesQuery } from "../../api/event-types.ts";
import { Check, CheckList, faultOf, TextField } from "../../components/fields.tsx";
import { FormShell } from "../../components/form-shell.tsx";
import { HeaderFields } from "../../components/header-fields.tsx";
import { Card, Page } from "../../components/page.tsx";
import { say } from "../../components/toasts.tsx";
import { printSearch } from "../../search.ts";
import { useMay } from "../../shell/viewer.tsx";
import { assistantMessages } from "../../words/event-types.ts";
import { assistantBodyOf, assistantDraftOf } from "./assistant-draft.ts";

/** The form of an assistant's server: its URL, its policy, and its event types. */
export function ServerForm({ existing }: { existing?: Assistant }) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const mayWrite = useMay("write");
  const [draft, setDraft] = useState(() => assistantDraftOf(existing));
  const change = (patch: Partial<typeof draft>): void => setDraft({ ...draft, ...patch });
  const { data: catalogue } = useQuery(eventTypesQuery);
  const about = Object.fromEntries(
    catalogue?.event_types.map(({ type, description }) => [type, description]) ?? [],
  );
  const saving = useMutation({
    mutationFn: () => {
      const body = assistantBodyOf(draft);
      return existing ? updateAssistant(existing.id, body) : createAssistant(body);
    },
    onSuccess: (saved) => {
      for (const key of ["assistants", "endpoints"]) {
        void client.invalidateQueries({ queryKey: [key] });
      }
      say(`${saved.name} is saved`);
      setDraft(assistantDraftOf(saved));
      navigate(`/assistants${printSearch({ assistant: saved.id })}`);
    },
  });
  const { error } = saving;
  const fault = (name: string): string | undefined => faultOf(error, "assistantServer", name);
  return (
    <Page
      title={existing?.name ?? "New assistant"}
      about={
        <Link href="/assistants" className="link">
          All assistants
        </Link>
      }
      actions={
        existing?.assistantServer.url && (
          <Link href={`/endpoints${printSearch({ endpoint: existing.id })}`} className="btn">
            Health and deliveries
          </Link>
        )
      }
    >
      <FormShell
        error={error}
        known={["name", "url", "timeoutSeconds", "secret", "headers", "messages"]}
        saving={saving.isPending}
        action={mayWrite ? (existing ? "Save" : "Create") : undefined}
        onSave={() => saving.mutate()}
      >
        <TextField
          label="Name"
          required
          value={draft.name}
          onChange={(name) => change({ name })}
          fault={faultOf(error, "name")}
        />
        <Card title="Server">
          <div className="grid gap-5 px-4 pb-4">
            <Check
              label="Send messages about this assistant's calls to a server"
              hint={
                existing?.assistantServer.disabledReason === "failing"
                  ? "It was switched off because the server kept failing."
                  : "Off, the configuration stays and nothing is sent."
              }
              checked={draft.enabled}
              onChange={(enabled) => change({ enabled })}
            />
            <TextField
              label="Server URL"
              type="url"
              mono
              required={draft.enabled}
              value={draft.url}
              onChange={(url) => change({ url })}
              fault={fault("url")}
              placeholder="https://example.com/calls"
            />
            <TextField
              label="Time-out in seconds"
              type="number"
              min={1}
              max={60}
              value={draft.timeout}
              onChange={(timeout) => change({ timeout })}
              fault={fault("timeoutSeconds")}
              hint="How long the server may take for each message, 1 to 60. Messages are sent once and never repeated."
            />
            <div className="grid gap-1">
              <TextField
                label="Secret"
                type="password"
                mono
                value={draft.secret}
                onChange={(secret) => change({ secret, clearsSecret: false })}
                fault={fault("secret")}
                placeholder={
                  existing?.assistantServer.hasSecret ? "is set; type to replace it" : "none"
                }
                hint="Sent with each message as x-interactly-secret, and never shown again."
              />
              {existing?.assistantServer.hasSecret && (
                <Check
                  label="Stop sending the secret"
                  checked={draft.clearsSecret}
                  onChange={(clearsSecret) => change({ clearsSecret, secret: "" })}
                />
              )}
            </div>
            <HeaderFields
              existing={existing?.assistantServer.headerNames ?? []}
              rows={draft.headers}
              onChange={(headers) => change({ headers })}
              fault={fault("headers")}
            />
            <CheckList
              legend="Server messages"
              options={assistantMessages}
              chosen={draft.messages}
              onChange={(messages) => change({ messages })}
              fault={fault("messages")}
              about={about}
            />
          </div>
        </Card>
      </FormShell>
    </Page>
  );
}
