import { lazy } from "react";
import { ClearChip, chipFace } from "../../components/multi-filter.tsx";
import { OnDemand } from "../../components/on-demand.tsx";
import { Moment } from "../../components/times.tsx";
import { usePreferences } from "../../shell/preferences.tsx";
import { type Zone, zoneName } from "../../words/times.ts";

const Popup = lazy(() => import("../../components/popup.tsx"));

type Span = { from: string | undefined; to: string | undefined };

const minute = 60_000;
const presets: readonly (readonly [string, number])[] = [
  ["Last 15 minutes", 15 * minute],
  ["Last hour", 60 * minute],
  ["Last 24 hours", 1_440 * minute],
  ["Last 7 days", 10_080 * minute],
];

/** The filter of a period; the address has absolute times, so that a colleague sees the same. */
export function TimeFilter({ from, to, onChange }: Span & { onChange: (span: Span) => void }) {
  const on = from !== undefined || to !== undefined;
  const face = (
    <>
      {from || !to ? "Since" : "Until"}
      {from && (
        <b className="font-[600]">
          <Moment at={from} />
        </b>
      )}
      {from && to && "until"}
      {to && (
        <b className="font-[600]">
          <Moment at={to} />
        </b>
      )}
      {!on && <span aria-hidden="true">▾</span>}
    </>
  );
  return (
    <span className="chip" data-on={on}>
      <OnDemand face={face} kind="dialog" className={chipFace}>
        <Popup face={face} className={chipFace} title="Time">
          {(close) => (
            <>
              {presets.map(([name, ms]) => (
                <button
                  key={name}
                  type="button"
                  className="flex min-h-8 items-center rounded px-2 text-left hover:bg-sunken pointer-coarse:min-h-10"
                  onClick={() => {
                    onChange({ from: new Date(Date.now() - ms).toISOString(), to: undefined });
                    close();
                  }}
                >
                  {name}
                </button>
              ))}
              <Points from={from} to={to} onChange={onChange} />
            </>
          )}
        </Popup>
      </OnDemand>
      {on && <ClearChip what="time" onClear={() => onChange({ from: undefined, to: undefined })} />}
    </span>
  );
}

function Points({ from, to, onChange }: Span & { onChange: (span: Span) => void }) {
  const { zone } = usePreferences();
  return (
    <div className="grid gap-2 border-t border-line p-2">
      <Point label="From" at={from} zone={zone} onChange={(next) => onChange({ from: next, to })} />
      <Point label="Until" at={to} zone={zone} onChange={(next) => onChange({ from, to: next })} />
      <p className="text-xs text-ink-3">Times of {zoneName(zone)}</p>
    </div>
  );
}

function Point({
  label,
  at,
  zone,
  onChange,
}: {
  label: string;
  at: string | undefined;
  zone: Zone;
  onChange: (at: string | undefined) => void;
}) {
  return (
    <label className="grid gap-1">
      <span className="text-xs text-ink-2">{label}</span>
      <input
        type="datetime-local"
        step="1"
        className="field"
        defaultValue={at === undefined ? "" : typed(at, zone)}
        onChange={({ target }) => {
          const date = new Date(zone === "utc" ? `${target.value}Z` : target.value);
          onChange(Number.isNaN(date.getTime()) ? undefined : date.toISOString());
        }}
      />
    </label>
  );
}

/** A point in time as the browser's field takes it: the wall clock of the zone. */
function typed(at: string, zone: Zone): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const shift = zone === "utc" ? 0 : date.getTimezoneOffset() * minute;
  return new Date(date.getTime() - shift).toISOString().slice(0, 19);
}
