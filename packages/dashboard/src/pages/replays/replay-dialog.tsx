import type { DeliveryFilter, Replay } from "@postrider/sdk";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { dryRunQuery, replayQuery, startReplay } from "../../api/replays.ts";
import { Modal } from "../../components/dialogs.tsx";
import { FormFault, TextField } from "../../components/fields.tsx";
import { Failure } from "../../components/states.tsx";
import { DateTime } from "../../components/times.tsx";
import { count, counted } from "../../words/numbers.ts";
import { duration } from "../../words/times.ts";
import { ReplayProgress } from "./replay-progress.tsx";

type Props = {
  filter: DeliveryFilter;
  /** Their endpoint, as the end of a sentence: "to Billing system". */
  what: string;
  onClose: () => void;
};

/** Shows what a replay would do, starts it, and shows its progress. */
export function ReplayDialog({ filter, what, onClose }: Props) {
  const [only, setOnly] = useState<"failed" | "all">("failed");
  const [rate, setRate] = useState("50");
  const client = useQueryClient();
  const start = useMemo(() => ({ filter, only }), [filter, only]);
  const dry = useQuery(dryRunQuery(start));
  const starting = useMutation({
    mutationFn: () => startReplay({ ...start, rate_per_second: Number(rate) }),
    onSuccess: (replay) => {
      client.setQueryData(replayQuery(replay.id).queryKey, replay);
      void client.invalidateQueries({ queryKey: ["replays", "all"] });
    },
  });
  if (starting.data) return <Progress started={starting.data} what={what} onClose={onClose} />;
  const matching = dry.data?.matching;
  const seconds = (matching ?? 0) / Math.max(1, Number(rate) || 1);
  return (
    <Modal
      open
      onClose={onClose}
      title={`Replay ${what}`}
      about="Each keeps its webhook-id, so a receiver that drops repeats stays right."
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          starting.mutate();
        }}
      >
        <fieldset className="grid gap-1">
          <legend className="sr-only">Which deliveries</legend>
          <Choice value="failed" label="Failed deliveries only" chosen={only} onChoose={setOnly} />
          <Choice
            value="all"
            label="Failed and delivered deliveries"
            chosen={only}
            onChoose={setOnly}
          />
        </fieldset>
        <TextField
          label="Maximum per second"
          type="number"
          min={1}
          max={1000}
          required
          value={rate}
          onChange={setRate}
        />
        <div role="status" className="min-h-11 rounded bg-sunken px-3 py-2">
          {dry.isPending && "Counting…"}
          {dry.isError && <Failure error={dry.error} onRetry={() => void dry.refetch()} />}
          {dry.data && matching === 0 && "No delivery matches the filter."}
          {dry.data && matching !== undefined && matching > 0 && (
            <>
              <b>{counted(matching, "delivery", "deliveries")}</b>
              {dry.data.oldest && (
                <>
                  , the oldest from <DateTime at={dry.data.oldest} />
                </>
              )}
              . At {rate || "1"} a second about {duration(Math.max(1, Math.ceil(seconds)) * 1000)}.
            </>
          )}
        </div>
        <FormFault error={starting.error} known={[]} />
        <div className="flex flex-wrap justify-end gap-2">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="btn btn-primary"
            disabled={!matching || starting.isPending}
          >
            {matching ? `Replay ${count(matching)}` : "Replay"}
          </button>
        </div>
      </form>
    </Modal>
  );
}

const Choice = ({
  value,
  label,
  chosen,
  onChoose,
}: {
  value: "failed" | "all";
  label: string;
  chosen: string;
  onChoose: (value: "failed" | "all") => void;
}) => (
  <label className="flex min-h-8 items-center gap-2">
    <input
      type="radio"
      name="only"
      className="size-4 accent-accent"
      checked={chosen === value}
      onChange={() => onChoose(value)}
    />
    {label}
  </label>
);

function Progress({
  started,
  what,
  onClose,
}: {
  started: Replay;
  what: string;
  onClose: () => void;
}) {
  const { data = started } = useQuery(replayQuery(started.id));
  return (
    <Modal
      open
      onClose={onClose}
      title={`Replay ${what}`}
      about="It goes on when this is closed; the page Replays shows it."
    >
      <ReplayProgress replay={data} />
      <div className="mt-4 flex justify-end">
        <button type="button" className="btn" onClick={onClose}>
          Close
        </button>
      </div>
    </Modal>
  );
}
