import type { TeamSettings } from "@postrider/sdk";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { viewerQuery } from "../../api/session.ts";
import { teamQuery, updateTeam } from "../../api/team.ts";
import { Id } from "../../components/copy.tsx";
import { Check, FormFault, faultOf, TextField } from "../../components/fields.tsx";
import { Page } from "../../components/page.tsx";
import { Failure, Forbidden, SkeletonBlock } from "../../components/states.tsx";
import { say } from "../../components/toasts.tsx";
import { useMay, useViewer } from "../../shell/viewer.tsx";

/** A team's settings: its name, how long things are kept, whether payloads are encrypted. */
export default function TeamPage() {
  const viewer = useViewer();
  const may = useMay("admin");
  const { data, error, refetch } = useQuery({ ...teamQuery(viewer.team_id), enabled: may });
  return (
    <Page title="Team" about={<Id id={viewer.team_id} what="team id" />}>
      {!may && <Forbidden needs="admin" />}
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {may && !data && !error && <SkeletonBlock />}
      {data && <Settings key={data.id} team={data} />}
    </Page>
  );
}

function Settings({ team }: { team: TeamSettings }) {
  const client = useQueryClient();
  const [name, setName] = useState(team.name);
  const [encrypts, setEncrypts] = useState(team.encrypt_payloads);
  const [payloads, setPayloads] = useState(typed(team.payload_retention_days));
  const [attempts, setAttempts] = useState(typed(team.attempt_retention_days));
  const saving = useMutation({
    mutationFn: () =>
      updateTeam(team.id, {
        name,
        encrypt_payloads: encrypts,
        payload_retention_days: daysOf(payloads),
        attempt_retention_days: daysOf(attempts),
      }),
    onSuccess: (saved) => {
      client.setQueryData(teamQuery(team.id).queryKey, saved);
      void client.invalidateQueries(viewerQuery);
      say("The team's settings are saved");
    },
  });
  const { error } = saving;
  return (
    <form
      noValidate
      className="grid max-w-xl gap-5 p-4"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      <TextField
        label="Name"
        required
        value={name}
        onChange={setName}
        fault={faultOf(error, "name")}
      />
      <TextField
        label="Days that payloads are kept"
        type="number"
        min={1}
        value={payloads}
        onChange={setPayloads}
        fault={faultOf(error, "payload_retention_days")}
        hint="Empty: as long as the service keeps them. Without its payload a delivery cannot be retried."
        placeholder="as the service"
      />
      <TextField
        label="Days that deliveries and attempts are kept"
        type="number"
        min={1}
        value={attempts}
        onChange={setAttempts}
        fault={faultOf(error, "attempt_retention_days")}
        hint="Empty: as long as the service keeps them."
        placeholder="as the service"
      />
      <Check
        label="Encrypt payloads at rest"
        hint="Payloads, answers and what was reported are sealed in the database from now on."
        checked={encrypts}
        onChange={setEncrypts}
      />
      <FormFault
        error={error}
        known={["name", "payload_retention_days", "attempt_retention_days", "encrypt_payloads"]}
      />
      <button
        type="submit"
        className="btn btn-primary justify-self-start"
        disabled={saving.isPending}
      >
        {saving.isPending ? "Saving…" : "Save"}
      </button>
    </form>
  );
}

const typed = (days: number | null): string => (days === null ? "" : String(days));
const daysOf = (text: string): number | null => (text.trim() === "" ? null : Number(text));
