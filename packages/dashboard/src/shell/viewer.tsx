import { createContext, type ReactNode, useContext, useEffect } from "react";
import type { Scope, Viewer } from "../api/session.ts";

const Context = createContext<Viewer | undefined>(undefined);

/** Tells the pages who looks at them, and dresses a portal in its customer's colours. */
export function ViewerProvider({ viewer, children }: { viewer: Viewer; children: ReactNode }) {
  const theme = viewer.portal?.theme;
  useEffect(() => {
    const { style } = document.documentElement;
    // Through the object model and never as markup: a value that is no colour is ignored there.
    if (theme?.accent) style.setProperty("--accent", theme.accent);
    if (theme?.background) style.setProperty("--sunken", theme.background);
    return () => {
      style.removeProperty("--accent");
      style.removeProperty("--sunken");
    };
  }, [theme?.accent, theme?.background]);
  return <Context value={viewer}>{children}</Context>;
}

/** Gives who looks at the page. */
export function useViewer(): Viewer {
  const found = useContext(Context);
  if (found === undefined) throw new Error("useViewer stands outside of its provider");
  return found;
}

/** Whether the viewer may do what needs this scope; what one may not do is not shown. */
export const useMay = (scope: Scope): boolean => useViewer().scopes.includes(scope);
