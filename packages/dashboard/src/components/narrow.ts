import { useSyncExternalStore } from "react";

const query = globalThis.matchMedia?.("(max-width: 899.98px)");

/** Whether the window is too narrow for two things side by side. */
export const useNarrow = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => query.matches,
  );
