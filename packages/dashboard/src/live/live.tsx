import type { Delivery } from "@postrider/sdk";
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
} from "react";
import type { StreamState } from "./read-stream.ts";
import { openSharedStream } from "./shared-stream.ts";

/** Called with changed deliveries; `gap`: changes may have been missed. */
export type LiveListener = (news: { rows: readonly Delivery[]; gap: boolean }) => void;

type Live = { state: StreamState; listen: (listener: LiveListener) => () => void };

const Context = createContext<Live | undefined>(undefined);

/** How often counts and states that depend on deliveries are read again, and only after a change. */
const settleMs = 5_000;
const followers = ["endpoints", "stats", "first-delivery"];

/** Connects the pages to the stream of one team. */
export function LiveProvider({ team, children }: { team: string; children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  const listeners = useRef(new Set<LiveListener>());

  useEffect(() => {
    let settling: ReturnType<typeof setTimeout> | undefined;
    const settle = (): void => {
      settling = undefined;
      // A hidden page reads again when it is shown.
      if (document.hidden) {
        document.addEventListener("visibilitychange", settle, { once: true });
        return;
      }
      for (const key of followers) void client.invalidateQueries({ queryKey: [key] });
    };
    const hear = (news: Parameters<LiveListener>[0]): void => {
      for (const listener of listeners.current) listener(news);
      settling ??= setTimeout(settle, settleMs);
    };
    const close = openSharedStream(team, (told) => {
      if (told.kind === "state") setState(told.state);
      else hear(told.kind === "rows" ? { rows: told.rows, gap: false } : { rows: [], gap: true });
    });
    return () => {
      close();
      clearTimeout(settling);
      document.removeEventListener("visibilitychange", settle);
    };
  }, [client, team]);

  const value = useMemo(
    () => ({
      state,
      listen(listener: LiveListener) {
        listeners.current.add(listener);
        return () => void listeners.current.delete(listener);
      },
    }),
    [state],
  );
  return <Context value={value}>{children}</Context>;
}

function useLive(): Live {
  const found = useContext(Context);
  if (found === undefined) throw new Error("useLive stands outside of its provider");
  return found;
}

/** The state of the stream. */
export const useStreamState = (): StreamState => useLive().state;

/** Calls the listener for changed deliveries while the component is shown. */
export function useChanges(listener: LiveListener): void {
  const { listen } = useLive();
  const hear = useEffectEvent(listener);
  useEffect(() => listen((news) => hear(news)), [listen]);
}
