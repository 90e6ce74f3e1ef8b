import { Status } from "../../components/status.tsx";
import { useStreamState } from "../../live/live.tsx";

/** Says whether the list is live, and pauses it. */
export function LiveButton({
  paused,
  onPause,
}: {
  paused: boolean;
  onPause: (paused: boolean) => void;
}) {
  const state = useStreamState();
  return (
    <button
      type="button"
      className="btn"
      aria-pressed={paused}
      aria-label={paused ? "Paused. Go on live" : "Live. Pause"}
      title={
        state === "lost"
          ? "The connection is lost; the page tries again by itself"
          : paused
            ? "New deliveries wait. Press to go on"
            : "New deliveries appear by themselves. Press to pause"
      }
      onClick={() => onPause(!paused)}
    >
      {paused ? (
        <Status of={{ word: "Paused", tone: "wait" }} />
      ) : state === "open" ? (
        <Status of={{ word: "Live", tone: "ok" }} />
      ) : (
        <Status of={{ word: state === "lost" ? "Reconnecting" : "Connecting", tone: "wait" }} />
      )}
    </button>
  );
}
