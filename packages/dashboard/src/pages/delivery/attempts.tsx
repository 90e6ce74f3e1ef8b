import type { DeliveryAttempt } from "@postrider/sdk";
import { Card } from "../../components/page.tsx";
import { Note } from "../../components/states.tsx";
import { Clock, Until } from "../../components/times.tsx";
import { useViewer } from "../../shell/viewer.tsx";
import { differences } from "../../words/differences.ts";
import { answerOf } from "../../words/outcomes.ts";
import { duration } from "../../words/times.ts";
import { TimingBar, TimingLegend } from "./timing-bar.tsx";

type Props = {
  /** In the order in which they were made. */
  attempts: readonly DeliveryAttempt[];
  /** When the next one is due; null when none is. */
  next: string | null;
  /** The number of the selected attempt. */
  chosen: number | undefined;
  onChoose: (number: number) => void;
};

/** The attempts of a delivery in time, and what is planned. */
export function Attempts({ attempts, next, chosen, onChoose }: Props) {
  const longestMs = Math.max(0, ...attempts.map(({ duration_ms }) => duration_ms ?? 0));
  const changed = differences(attempts);
  return (
    <Card title="Attempts">
      <ol className="px-2 pb-2">
        {attempts.map((attempt) => (
          <Attempt
            key={attempt.number}
            attempt={attempt}
            longestMs={longestMs}
            chosen={attempt.number === chosen}
            onChoose={() => onChoose(attempt.number)}
          />
        ))}
        {attempts.length === 0 && next === null && (
          <li className="px-2 py-1 text-ink-2">No attempt has been made yet.</li>
        )}
        {next !== null && (
          <li className="flex min-h-[34px] flex-wrap items-center gap-2.5 px-2 text-ink-2">
            <span aria-hidden="true">○</span>
            <span className="mono text-ink-3">
              <Clock at={next} />
            </span>
            <span>
              planned, <Until at={next} />
            </span>
          </li>
        )}
      </ol>
      {attempts.some(({ timing }) => timing !== null) && <TimingLegend />}
      {changed.length > 0 && (
        <div className="px-4 pb-3">
          <Note>{changed.join(" ")}</Note>
        </div>
      )}
    </Card>
  );
}

type AttemptProps = {
  attempt: DeliveryAttempt;
  longestMs: number;
  chosen: boolean;
  onChoose: () => void;
};

function Attempt({ attempt, longestMs, chosen, onChoose }: AttemptProps) {
  const good =
    attempt.status_code !== null && attempt.status_code >= 200 && attempt.status_code < 300;
  return (
    <li>
      <button
        type="button"
        aria-pressed={chosen}
        className={`grid min-h-[34px] w-full grid-cols-[14px_92px_minmax(40px,1fr)_auto] items-center gap-2.5 rounded px-2 text-left ${chosen ? "bg-accent-soft" : "hover:bg-sunken"}`}
        onClick={onChoose}
      >
        <span aria-hidden="true" className={good ? "text-ok" : "text-bad"}>
          ●
        </span>
        <span className="mono text-ink-3">
          <Clock at={attempt.at} />
        </span>
        {attempt.timing === null ? (
          <span className="truncate text-xs text-ink-3">{attempt.error}</span>
        ) : (
          <TimingBar timing={attempt.timing} longestMs={longestMs} />
        )}
        <span className={`min-w-24 text-right font-[600] ${good ? "text-ok" : "text-bad"}`}>
          {answerOf(attempt)}
          {attempt.duration_ms !== null && ` · ${duration(attempt.duration_ms)}`}
        </span>
      </button>
      {attempt.actor !== "system" && (
        <p className="px-2 pb-1 pl-[34px] text-xs text-ink-3">
          asked for by <Actor id={attempt.actor} />
        </p>
      )}
    </li>
  );
}

function Actor({ id }: { id: string }) {
  const viewer = useViewer();
  return id === viewer.id ? "you" : <span className="mono">{id}</span>;
}
