import { useSyncExternalStore } from "react";
import { usePreferences } from "../shell/preferences.tsx";

const query = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

/** Whether the dark theme is shown, by choice or by the system. */
export function useDark(): boolean {
  const { theme } = usePreferences();
  const system = useSyncExternalStore(
    (listener) => {
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => query.matches,
  );
  return theme === "system" ? system : theme === "dark";
}
