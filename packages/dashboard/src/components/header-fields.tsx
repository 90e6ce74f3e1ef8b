import { useId } from "react";

/** One header as it is typed; `key` identifies the row. */
export type HeaderRow = { key: number; name: string; value: string };

/** The typed headers, by name; undefined when they stay as they are. */
export const headersOf = (rows: readonly HeaderRow[]): Record<string, string> =>
  Object.fromEntries(
    rows.filter(({ name }) => name.trim() !== "").map(({ name, value }) => [name.trim(), value]),
  );

/**
 * Headers of every request. Values are never shown again: existing ones are kept as they are, or all are
 * replaced. `rows` is undefined while they are kept.
 */
export function HeaderFields({
  existing,
  rows,
  onChange,
  fault,
}: {
  existing: readonly string[];
  rows: readonly HeaderRow[] | undefined;
  onChange: (rows: readonly HeaderRow[] | undefined) => void;
  fault?: string | undefined;
}) {
  const id = useId();
  const kept = rows === undefined;
  const add = (): void =>
    onChange([...(rows ?? []), { key: (rows?.at(-1)?.key ?? 0) + 1, name: "", value: "" }]);
  return (
    <fieldset className="grid gap-2" aria-describedby={fault ? `${id}-fault` : undefined}>
      <legend className="mb-1 font-[550]">Headers</legend>
      {kept && existing.length > 0 && (
        <p className="text-ink-2">
          Set: <span className="mono">{existing.join(", ")}</span>. Their values are not shown
          again.
        </p>
      )}
      {rows?.map((row) => {
        const change = (patch: Partial<HeaderRow>): void =>
          onChange(rows.map((one) => (one.key === row.key ? { ...one, ...patch } : one)));
        return (
          <div key={row.key} className="grid grid-cols-[minmax(0,2fr)_minmax(0,3fr)_auto] gap-2">
            <input
              className="field mono"
              placeholder="x-name"
              aria-label="Header name"
              spellCheck={false}
              value={row.name}
              onChange={({ target }) => change({ name: target.value })}
            />
            <input
              className="field mono"
              placeholder="value"
              aria-label={`Value of ${row.name || "the header"}`}
              spellCheck={false}
              autoComplete="off"
              value={row.value}
              onChange={({ target }) => change({ value: target.value })}
            />
            <button
              type="button"
              className="btn btn-quiet px-2"
              aria-label={`Remove ${row.name || "the header"}`}
              onClick={() => onChange(rows.filter((one) => one.key !== row.key))}
            >
              ✕
            </button>
          </div>
        );
      })}
      <div className="flex flex-wrap gap-2">
        <button type="button" className="btn" onClick={add}>
          {kept && existing.length > 0 ? "Replace all headers" : "Add a header"}
        </button>
        {!kept && existing.length > 0 && (
          <button type="button" className="btn btn-quiet" onClick={() => onChange(undefined)}>
            Keep the existing ones
          </button>
        )}
      </div>
      {!kept && existing.length > 0 && (
        <p className="text-xs text-ink-3">
          What stands here takes the place of {existing.join(", ")}.
        </p>
      )}
      {fault && (
        <p id={`${id}-fault`} className="text-xs text-bad">
          {fault}
        </p>
      )}
    </fieldset>
  );
}
