import type { DeliveryFilter, Endpoint } from "@postrider/sdk";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { Card } from "../../components/page.tsx";
import { toneText } from "../../components/status.tsx";
import { useNow } from "../../components/ticking.ts";
import { Until } from "../../components/times.tsx";
import { usePreferences } from "../../shell/preferences.tsx";
import { useMay } from "../../shell/viewer.tsx";
import { healthSentence, missedSpan } from "../../words/health.ts";
import { ReplayDialog } from "../replays/replay-dialog.tsx";

/** An endpoint's health in a sentence, with a button that helps. */
export function HealthLine({ endpoint }: { endpoint: Endpoint }) {
  const { zone } = usePreferences();
  const { data } = useQuery({
    ...someDeliveriesQuery({ endpoint_id: [endpoint.id], status: ["failed", "retrying"] }, 1),
    enabled:
      endpoint.health.state === "failing" && endpoint.health.last_error_code === "http_status",
  });
  const { tone, lead, rest } = healthSentence(endpoint.health, {
    zone,
    nowMs: useNow(),
    reason: endpoint.disabled_reason,
    answer: data?.deliveries[0]?.status_code,
  });
  return (
    <p>
      <span className={`font-[600] ${toneText[tone]}`}>{lead}</span>{" "}
      <span className="text-ink-2">
        {rest}
        {endpoint.health.next_probe_at && (
          <>
            {" "}
            Next probe <Until at={endpoint.health.next_probe_at} />.
          </>
        )}
      </span>
    </p>
  );
}

/** What a replay was offered for. It stays so while the endpoint's health changes. */
type Missed = { filter: DeliveryFilter; what: string };

/**
 * The dialog of a replay of what an endpoint missed, and the function that opens it.
 *
 * It belongs to a part of the page that stays when the endpoint recovers, or the dialog would vanish at that moment.
 */
export function useMissedReplay(): { dialog: ReactNode; open: (missed: Missed) => void } {
  const [missed, open] = useState<Missed>();
  const dialog = missed && <ReplayDialog {...missed} onClose={() => open(undefined)} />;
  return { dialog, open };
}

/** Offers a replay of the deliveries that an endpoint missed while it failed; nothing when it never failed. */
export function ReplayMissed({
  endpoint,
  onOpen,
}: {
  endpoint: Endpoint;
  onOpen: (missed: Missed) => void;
}) {
  const may = useMay("write");
  const span = missedSpan(endpoint.health);
  if (span === undefined || !may) return null;
  const missed = { filter: { endpoint_id: endpoint.id, ...span }, what: `to ${endpoint.name}` };
  return (
    <button type="button" className="btn btn-primary" onClick={() => onOpen(missed)}>
      Replay what was missed…
    </button>
  );
}

/** The health of one endpoint. */
export function Health({ endpoint }: { endpoint: Endpoint }) {
  const { dialog, open } = useMissedReplay();
  return (
    <Card title="Health">
      <div className="grid justify-items-start gap-3 px-4 pb-4">
        <HealthLine endpoint={endpoint} />
        <ReplayMissed endpoint={endpoint} onOpen={open} />
      </div>
      {dialog}
    </Card>
  );
}
