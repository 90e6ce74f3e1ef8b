import { Menu } from "@base-ui/react/menu";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { leave, signOut, switchTeam } from "../api/session.ts";
import { sayFailure } from "../components/toasts.tsx";
import { place } from "../place.ts";
import type { Zone } from "../words/times.ts";
import { zoneName } from "../words/times.ts";
import { type Theme, usePreferences } from "./preferences.tsx";
import { useViewer } from "./viewer.tsx";

const item =
  "flex min-h-8 w-full items-center gap-2 rounded px-2 outline-none data-highlighted:bg-sunken pointer-coarse:min-h-10";

/** The menu for the team, the theme, the time zone and signing out. It is open from the start. */
export default function AccountMenu({ face, className }: { face: ReactNode; className: string }) {
  const viewer = useViewer();
  const { theme, zone, setTheme, setZone } = usePreferences();
  const client = useQueryClient();
  const switching = useMutation({
    mutationFn: switchTeam,
    // Loaded again, so that nothing of the other team stays on the screen or in memory.
    onSuccess: () => location.assign(`${place.base}/`),
    onError: sayFailure,
  });
  const leaving = useMutation({
    mutationFn: signOut,
    onSuccess: () => leave(client),
    onError: sayFailure,
  });
  return (
    <Menu.Root defaultOpen>
      <Menu.Trigger className={className}>{face}</Menu.Trigger>
      <Menu.Portal role="region" aria-label="Team and appearance">
        <Menu.Positioner side="top" align="start" sideOffset={6} className="z-40">
          <Menu.Popup className="popup max-h-(--available-height) min-w-56 overflow-y-auto p-1.5">
            {place.kind === "dashboard" && viewer.teams.length > 1 && (
              <Choice
                label="Team"
                value={viewer.team_id}
                options={viewer.teams.map(({ id, name }) => [id, name])}
                onChange={(id) => switching.mutate(id)}
              />
            )}
            {!viewer.portal?.theme?.background && (
              <Choice<Theme>
                label="Theme"
                value={theme}
                options={[
                  ["system", "As the system"],
                  ["light", "Light"],
                  ["dark", "Dark"],
                ]}
                onChange={setTheme}
              />
            )}
            <Choice<Zone>
              label="Times"
              value={zone}
              options={[
                ["local", `Local (${zoneName("local")})`],
                ["utc", "UTC"],
              ]}
              onChange={setZone}
            />
            <Menu.Separator className="mx-1 my-1.5 border-t border-line" />
            <Menu.LinkItem className={item} href={`${place.base}/licences.txt`} target="_blank">
              Licences
            </Menu.LinkItem>
            <Menu.Item className={item} onClick={() => leaving.mutate()}>
              Sign out
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

function Choice<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
}) {
  return (
    <Menu.Group>
      <Menu.GroupLabel className="px-2 pt-2 pb-1 text-xs text-ink-3">{label}</Menu.GroupLabel>
      <Menu.RadioGroup value={value} onValueChange={onChange}>
        {options.map(([id, name]) => (
          <Menu.RadioItem key={id} value={id} className={item}>
            <span className="min-w-0 flex-1 truncate">{name}</span>
            <Menu.RadioItemIndicator aria-hidden="true">✓</Menu.RadioItemIndicator>
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </Menu.Group>
  );
}
