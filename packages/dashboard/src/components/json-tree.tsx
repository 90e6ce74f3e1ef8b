import { useVirtualizer } from "@tanstack/react-virtual";
import { useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { findInJson, type JsonRow, jsonRows, parseJson } from "../words/json-rows.ts";
import { bytes } from "../words/numbers.ts";
import { Copy } from "./copy.tsx";

const rowPx = 24;
/** Longer values are cut in the tree; a copy has the whole value. */
const shownMax = 400;

/** A JSON text as a tree with search, or as plain text; other text is shown as plain text. */
export function JsonView({
  text,
  what,
  high = 420,
}: {
  text: string;
  what: string;
  high?: number;
}) {
  const parsed = useMemo(() => parseJson(text), [text]);
  const [raw, setRaw] = useState(false);
  const asTree =
    parsed !== undefined && typeof parsed.value === "object" && parsed.value !== null && !raw;
  return (
    <div className="grid min-w-0">
      {asTree ? (
        <Tree value={parsed.value} text={text} what={what} high={high} onRaw={() => setRaw(true)} />
      ) : (
        <>
          <div className="flex flex-wrap items-center gap-3 px-4 py-2 text-xs text-ink-3">
            <span>{bytes(new TextEncoder().encode(text).length)}</span>
            <Copy text={text} what={what} />
            {raw && (
              <button type="button" className="link" onClick={() => setRaw(false)}>
                as a tree
              </button>
            )}
          </div>
          <pre
            tabIndex={0}
            className="mono max-h-[420px] overflow-auto px-4 pb-3 leading-[1.55] break-words whitespace-pre-wrap [overflow-wrap:anywhere]"
          >
            {text}
          </pre>
        </>
      )}
    </div>
  );
}

type TreeProps = { value: unknown; text: string; what: string; high: number; onRaw: () => void };

function Tree({ value, text, what, high, onRaw }: TreeProps) {
  const id = useId();
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [typed, setTyped] = useState("");
  const [place, setPlace] = useState(0);
  const sought = useDeferredValue(typed);
  const found = useMemo(() => findInJson(value, sought), [value, sought]);
  const rows = useMemo(
    () => jsonRows(value, { toggled, reveal: found.reveal }),
    [value, toggled, found],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 20,
  });
  const at = found.paths[place % Math.max(1, found.paths.length)];
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows follow from what is found
  useEffect(() => {
    const index = rows.findIndex(({ path }) => path === at);
    if (at !== undefined && index >= 0) virtual.scrollToIndex(index, { align: "center" });
  }, [at, sought]);
  const hits = useMemo(() => new Set(found.paths), [found]);
  const toggle = (path: string): void => {
    const next = new Set(toggled);
    if (!next.delete(path)) next.add(path);
    setToggled(next);
  };
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-xs text-ink-3">
        <input
          id={id}
          className="field max-w-44 min-w-24 flex-1"
          placeholder="Search"
          aria-label={`Search in ${what}`}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setPlace(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") setPlace(place + 1);
          }}
        />
        {sought !== "" && (
          <span role="status">
            {found.paths.length === 0
              ? "nothing found"
              : `${(place % found.paths.length) + 1} of ${found.paths.length}, ↵ for the next`}
          </span>
        )}
        <span className="ml-auto">{bytes(new TextEncoder().encode(text).length)}</span>
        <Copy text={text} what={what} />
        <button type="button" className="link" onClick={onRaw}>
          as text
        </button>
      </div>
      <div
        ref={scroller}
        tabIndex={0}
        role="group"
        aria-label={what}
        className="overflow-auto pb-3"
        style={{ maxHeight: high }}
      >
        <div className="relative min-w-max" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <div
                  key={row.path}
                  className="absolute top-0 left-0 w-full"
                  style={{ height: rowPx, transform: `translateY(${item.start}px)` }}
                >
                  <Line row={row} hit={hits.has(row.path)} at={row.path === at} onToggle={toggle} />
                </div>
              )
            );
          })}
        </div>
      </div>
    </>
  );
}

const colours: Readonly<Record<JsonRow["kind"], string>> = {
  string: "text-ok",
  number: "text-wait",
  boolean: "text-wait",
  null: "text-ink-3",
  object: "text-ink-3",
  list: "text-ink-3",
};

function Line({
  row,
  hit,
  at,
  onToggle,
}: {
  row: JsonRow;
  hit: boolean;
  at: boolean;
  onToggle: (path: string) => void;
}) {
  const branch = row.kind === "object" || row.kind === "list";
  return (
    <div
      className={`mono group flex h-6 items-center gap-1.5 pr-4 whitespace-pre ${at ? "bg-accent-soft" : hit ? "bg-wait-soft" : ""}`}
      style={{ paddingLeft: 16 + row.depth * 16 }}
    >
      {branch ? (
        <button
          type="button"
          aria-expanded={row.open}
          aria-label={row.name}
          className="w-3 shrink-0 text-ink-3"
          onClick={() => onToggle(row.path)}
        >
          {row.open ? "▾" : "▸"}
        </button>
      ) : (
        <span className="w-3 shrink-0" />
      )}
      <span className="text-accent">{row.name}:</span>
      <span className={colours[row.kind]}>{textOf(row)}</span>
      <Copy
        text={() =>
          typeof row.value === "string" ? row.value : JSON.stringify(row.value, null, 2)
        }
        what={row.name}
        className="link text-xs text-ink-3 opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
      />
    </div>
  );
}

function textOf({ kind, value, size, open }: JsonRow): string {
  if (kind === "object") return open ? (size === 0 ? "{}" : "") : `{ ${size} }`;
  if (kind === "list") return open ? (size === 0 ? "[]" : `[${size}]`) : `[ ${size} ]`;
  if (kind !== "string") return String(value);
  const text = value as string;
  return JSON.stringify(text.length > shownMax ? `${text.slice(0, shownMax)}…` : text);
}
