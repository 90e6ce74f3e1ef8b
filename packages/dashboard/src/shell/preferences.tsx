import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { Zone } from "../words/times.ts";

/** The shown theme: the system's, or a chosen one. */
export type Theme = "system" | "light" | "dark";

type Preferences = {
  theme: Theme;
  zone: Zone;
  setTheme: (theme: Theme) => void;
  setZone: (zone: Zone) => void;
};

const Context = createContext<Preferences | undefined>(undefined);

/** Stores the viewer's preferences in this browser. */
export function PreferencesProvider({ children }: { children: ReactNode }) {
  const [theme, setTheme] = useKept<Theme>("postrider.theme", "system", ["light", "dark"]);
  const [zone, setZone] = useKept<Zone>("postrider.zone", "local", ["utc"]);
  useEffect(() => {
    const { dataset } = document.documentElement;
    if (theme === "system") delete dataset.theme;
    else dataset.theme = theme;
  }, [theme]);
  const value = useMemo(
    () => ({ theme, zone, setTheme, setZone }),
    [theme, zone, setTheme, setZone],
  );
  return <Context value={value}>{children}</Context>;
}

/** Gives the viewer's preferences and how to change them. */
export function usePreferences(): Preferences {
  const found = useContext(Context);
  if (found === undefined) throw new Error("usePreferences stands outside of its provider");
  return found;
}

function useKept<Value extends string>(name: string, usual: Value, others: readonly Value[]) {
  const [value, setValue] = useState<Value>(() => {
    const kept = read(name);
    return others.find((one) => one === kept) ?? usual;
  });
  const set = useMemo(
    () => (next: Value) => {
      setValue(next);
      keep(name, next);
    },
    [name],
  );
  return [value, set] as const;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Without storage, the preference is lost with the page.
  }
}
