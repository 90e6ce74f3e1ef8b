import { lazy } from "react";
import { OnDemand } from "../components/on-demand.tsx";
import { zoneName } from "../words/times.ts";
import { usePreferences } from "./preferences.tsx";
import { useViewer } from "./viewer.tsx";

const AccountMenu = lazy(() => import("./account-menu.tsx"));

const look =
  "flex w-full min-w-0 items-center gap-2 rounded-md px-2 py-1.5 text-left hover:bg-surface";

/** The shown team, the viewer and the time zone, with the menu that changes them. */
export function Account() {
  const viewer = useViewer();
  const { zone } = usePreferences();
  const team = viewer.teams.find(({ id }) => id === viewer.team_id);
  const face = (
    <>
      <span className="min-w-0 flex-1">
        <span className="block truncate font-[600]">{team?.name ?? "Team"}</span>
        <span className="line-clamp-2 text-xs text-ink-3 [overflow-wrap:anywhere]">
          {viewer.portal ? "" : `${viewer.name} · `}
          {zoneName(zone)}
        </span>
      </span>
      <span aria-hidden="true" className="text-ink-3">
        ▾
      </span>
    </>
  );
  return (
    <OnDemand face={face} kind="menu" className={look}>
      <AccountMenu face={face} className={look} />
    </OnDemand>
  );
}
