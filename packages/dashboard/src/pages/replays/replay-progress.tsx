import type { Replay } from "@postrider/sdk";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { cancelReplay, goesOn, replayQuery } from "../../api/replays.ts";
import { Status } from "../../components/status.tsx";
import { sayFailure } from "../../components/toasts.tsx";
import { useMay } from "../../shell/viewer.tsx";
import { count, counted } from "../../words/numbers.ts";
import type { Word } from "../../words/outcomes.ts";

/** The states of a replay, as words. */
export const replayWords: Readonly<Record<Replay["state"], Word>> = {
  queued: { word: "Queued", tone: "idle" },
  running: { word: "Running", tone: "wait" },
  done: { word: "Done", tone: "ok" },
  cancelled: { word: "Cancelled", tone: "idle" },
};

/** A replay's progress, and the statuses of its deliveries so far. */
export function ReplayProgress({ replay }: { replay: Replay }) {
  const client = useQueryClient();
  const may = useMay("write");
  const ended = replay.delivered + replay.failed + replay.skipped;
  const share =
    replay.matching === null ? undefined : Math.min(1, ended / Math.max(1, replay.matching));
  const cancelling = useMutation({
    mutationFn: () => cancelReplay(replay.id),
    onSuccess: (told) => client.setQueryData(replayQuery(replay.id).queryKey, told),
    onError: sayFailure,
  });
  return (
    <div className="grid gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1" role="status">
        <Status of={replayWords[replay.state]} />
        <span>
          {replay.state === "done"
            ? `${counted(replay.delivered, "delivery arrived", "deliveries arrived")}${replay.failed > 0 ? `, ${count(replay.failed)} failed again` : ""}.`
            : `${count(ended)} of ${replay.matching === null ? "…" : count(replay.matching)}`}
        </span>
        {may && goesOn(replay) && (
          <button
            type="button"
            className="btn ml-auto"
            disabled={cancelling.isPending}
            onClick={() => cancelling.mutate()}
          >
            Cancel the rest
          </button>
        )}
      </div>
      <div
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={100}
        {...(share !== undefined && { "aria-valuenow": Math.round(share * 100) })}
        className="h-2 overflow-hidden rounded-full bg-line"
      >
        <div
          className="h-full bg-accent transition-[width] duration-150"
          style={{ width: `${(share ?? 0) * 100}%` }}
        />
      </div>
      <p className="text-xs text-ink-2">
        Delivered {count(replay.delivered)}, failed {count(replay.failed)}
        {replay.skipped > 0 && `, passed over ${count(replay.skipped)}`}, at{" "}
        {count(replay.rate_per_second)} a second
      </p>
    </div>
  );
}
