import type { TeamSettings } from "@postrider/sdk";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { viewerQuery } from "../../api/session.ts";
import { teamQuery, updateTeam } from "../../api/team.ts";
import { Id } from "../../components/copy.tsx";
import { Check, faultOf, TextField } from "../../components/fields.tsx";
import { FormShell } from "../../components/form-shell.tsx";
import { Page } from "../../components/page.tsx";
import { Failure, SkeletonBlock } from "../../components/states.tsx";
import { say } from "../../components/toasts.tsx";
import { useMay, useViewer } from "../../shell/viewer.tsx";

/** A team's settings: its name, its retention, whether payloads are encrypted. */
export default function TeamPage() {
  const viewer = useViewer();
  const may = useMay("admin");
  const { data, error, refetch } = useQuery({ ...teamQuery(viewer.team_id), enabled: may });
  return (
    <Page title="Team" needs="admin" about={<Id id={viewer.team_id} what="team id" />}>
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {!data && !error && <SkeletonBlock />}
      {data && <Settings key={data.id} team={data} />}
    </Page>
  );
}

type Days =
  | "payload_retention_days"
  | "attempt_retention_days"
  | "disable_failing_after_days"
  | "expire_waiting_after_days";

/** The settings that are a number of days, or empty for the service's default. */
const daySettings: Readonly<Record<Days, { label: string; hint: string }>> = {
  payload_retention_days: {
    label: "Days that payloads are kept",
    hint: "Empty: the service's default. Without its payload, a delivery cannot be retried.",
  },
  attempt_retention_days: {
    label: "Days that deliveries and attempts are kept",
    hint: "Empty: the service's default.",
  },
  disable_failing_after_days: {
    label: "Days after which a failing endpoint is disabled",
    hint: "Empty: the service's default. 0: never.",
  },
  expire_waiting_after_days: {
    label: "Days after which deliveries to a failing endpoint end as failed",
    hint: "Empty: the service's default. A replay can still deliver it when the endpoint works again.",
  },
};
const dayNames = Object.keys(daySettings) as Days[];

function Settings({ team }: { team: TeamSettings }) {
  const client = useQueryClient();
  const [name, setName] = useState(team.name);
  const [encrypts, setEncrypts] = useState(team.encrypt_payloads);
  const [days, setDays] = useState(
    () =>
      Object.fromEntries(dayNames.map((one) => [one, String(team[one] ?? "")])) as Record<
        Days,
        string
      >,
  );
  const saving = useMutation({
    mutationFn: () =>
      updateTeam(team.id, {
        name,
        encrypt_payloads: encrypts,
        ...Object.fromEntries(
          dayNames.map((one) => [one, days[one].trim() === "" ? null : Number(days[one])]),
        ),
      }),
    onSuccess: (saved) => {
      client.setQueryData(teamQuery(team.id).queryKey, saved);
      void client.invalidateQueries(viewerQuery);
      say("The team's settings are saved");
    },
  });
  const { error } = saving;
  return (
    <FormShell
      error={error}
      known={["name", "encrypt_payloads", ...dayNames]}
      saving={saving.isPending}
      action="Save"
      onSave={() => saving.mutate()}
    >
      <TextField
        label="Name"
        required
        value={name}
        onChange={setName}
        fault={faultOf(error, "name")}
      />
      {dayNames.map((one) => (
        <TextField
          key={one}
          {...daySettings[one]}
          type="number"
          min={0}
          value={days[one]}
          onChange={(value) => setDays({ ...days, [one]: value })}
          fault={faultOf(error, one)}
          placeholder="default"
        />
      ))}
      <Check
        label="Encrypt payloads at rest"
        hint="New payloads, answers and reported content are encrypted in the database."
        checked={encrypts}
        onChange={setEncrypts}
      />
    </FormShell>
  );
}
