import { createContext, type ReactNode, useContext, useEffect } from "react";
import type { Scope, Viewer } from "../api/session.ts";
import { useDark } from "../components/dark.ts";
import { dressOf } from "../words/colours.ts";
import { usePreferences } from "./preferences.tsx";

const Context = createContext<Viewer | undefined>(undefined);

/** Gives the pages their viewer, and a portal its link's colours. */
export function ViewerProvider({ viewer, children }: { viewer: Viewer; children: ReactNode }) {
  const dark = useDark();
  const { theme: chosen } = usePreferences();
  const { accent, background } = viewer.portal?.theme ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: a theme that was chosen is put on the page first
  useEffect(() => {
    const { style, dataset } = document.documentElement;
    const { scheme, tokens } = dressOf({ accent, background }, dark ? "dark" : "light");
    if (scheme) dataset.theme = scheme;
    // Set through the DOM and never as markup.
    for (const [name, value] of Object.entries(tokens)) style.setProperty(name, value);
    return () => {
      for (const name of Object.keys(tokens)) style.removeProperty(name);
    };
  }, [accent, background, dark, chosen]);
  return <Context value={viewer}>{children}</Context>;
}

/** Returns the viewer of the page. */
export function useViewer(): Viewer {
  const found = useContext(Context);
  if (found === undefined) throw new Error("useViewer stands outside of its provider");
  return found;
}

/** Whether the viewer has this scope; actions without their scope are not shown. */
export const useMay = (scope: Scope): boolean => useViewer().scopes.includes(scope);
