import { Popover } from "@base-ui/react/popover";
import { useState } from "react";

/** One choice of a filter. */
export type Option = { value: string; label: string };

/** Above this number of choices there is a field to find one. */
const searchedFrom = 8;

/** A filter with any number of choices, as a chip that says what is chosen. */
export function MultiFilter({
  label,
  options,
  chosen,
  onChange,
}: {
  label: string;
  options: readonly Option[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
}) {
  const [sought, setSought] = useState("");
  const unknown = chosen.filter((value) => options.every((option) => option.value !== value));
  const all = [...options, ...unknown.map((value) => ({ value, label: value }))];
  const said = all.filter(({ value }) => chosen.includes(value)).map((option) => option.label);
  const listed = all.filter((option) => option.label.toLowerCase().includes(sought.toLowerCase()));
  return (
    <span className="chip max-w-72" data-on={chosen.length > 0}>
      <Popover.Root onOpenChange={() => setSought("")}>
        <Popover.Trigger className="flex min-w-0 items-center gap-1.5">
          {label}
          {said.length > 0 && <b className="truncate font-[600]">{said.join(", ")}</b>}
          {said.length === 0 && <span aria-hidden="true">▾</span>}
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={6} align="start" className="z-40">
            <Popover.Popup className="popup grid max-h-[min(420px,var(--available-height))] w-72 max-w-(--available-width) gap-1 overflow-y-auto p-2">
              <Popover.Title className="sr-only">{label}</Popover.Title>
              {all.length > searchedFrom && (
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
                        target.checked
                          ? [...chosen, value]
                          : chosen.filter((other) => other !== value),
                      )
                    }
                  />
                  <span className="min-w-0 break-words">{name}</span>
                </label>
              ))}
              {listed.length === 0 && <p className="px-2 py-1 text-ink-3">Nothing found.</p>}
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
      {chosen.length > 0 && <ClearChip what={label} onClear={() => onChange([])} />}
    </span>
  );
}

/** Takes a filter away. */
export const ClearChip = ({ what, onClear }: { what: string; onClear: () => void }) => (
  <button type="button" aria-label={`Clear ${what}`} className="-mr-1 px-1" onClick={onClear}>
    ✕
  </button>
);
