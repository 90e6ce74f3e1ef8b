import { lazy, useState } from "react";
import { OnDemand } from "./on-demand.tsx";

const Popup = lazy(() => import("./popup.tsx"));

/** One choice of a filter. */
export type Option = { value: string; label: string };

type Props = {
  label: string;
  options: readonly Option[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
};

/** The look of a chip's button. */
export const chipFace = "flex min-w-0 items-center gap-1.5";

/** A filter with any number of choices, as a chip that says what is chosen. */
export function MultiFilter(props: Props) {
  const { label, options, chosen, onChange } = props;
  const unknown = chosen.filter((value) => options.every((option) => option.value !== value));
  const all = [...options, ...unknown.map((value) => ({ value, label: value }))];
  const said = all.filter(({ value }) => chosen.includes(value)).map((option) => option.label);
  const face = (
    <>
      {label}
      {said.length > 0 ? (
        <b className="truncate font-[600]">{said.join(", ")}</b>
      ) : (
        <span aria-hidden="true">▾</span>
      )}
    </>
  );
  return (
    <span className="chip max-w-72" data-on={chosen.length > 0}>
      <OnDemand face={face} kind="dialog" className={chipFace}>
        <Popup face={face} className={chipFace} title={label}>
          {() => <Choices {...props} options={all} />}
        </Popup>
      </OnDemand>
      {chosen.length > 0 && <ClearChip what={label} onClear={() => onChange([])} />}
    </span>
  );
}

/** Above this number of choices there is a field to find one. */
const searchedFrom = 8;

function Choices({ label, options, chosen, onChange }: Props) {
  const [sought, setSought] = useState("");
  const listed = options.filter((one) => one.label.toLowerCase().includes(sought.toLowerCase()));
  return (
    <>
      {options.length > searchedFrom && (
        <input
          className="field mb-1"
          placeholder="Find…"
          aria-label={`Find in ${label}`}
          value={sought}
          onChange={(event) => setSought(event.target.value)}
        />
      )}
      {listed.map(({ value, label: name }) => (
        <label
          key={value}
          className="flex min-h-8 items-center gap-2 rounded px-2 hover:bg-sunken pointer-coarse:min-h-10"
        >
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={chosen.includes(value)}
            onChange={({ target }) =>
              onChange(
                target.checked ? [...chosen, value] : chosen.filter((other) => other !== value),
              )
            }
          />
          <span className="min-w-0 break-words">{name}</span>
        </label>
      ))}
      {listed.length === 0 && <p className="px-2 py-1 text-ink-3">Nothing found.</p>}
    </>
  );
}

/** A chip's button that removes a filter. */
export const ClearChip = ({ what, onClear }: { what: string; onClear: () => void }) => (
  <button type="button" aria-label={`Clear ${what}`} className="-mr-1 px-1" onClick={onClear}>
    ✕
  </button>
);
