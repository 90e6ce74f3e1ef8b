import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { usePreferences } from "../shell/preferences.tsx";
import { dateTime, type Zone } from "../words/times.ts";
import { useDark } from "./dark.ts";

/** One line or one part of the bars: its name, its colour as a token, its values. */
export type Series = { name: string; token: string; values: readonly (number | null)[] };

type Props = {
  /** Unix milliseconds of each value. */
  times: readonly number[];
  series: readonly Series[];
  /** Bars are stacked in the order of the series, the first at the bottom. */
  kind: "bars" | "lines";
  /** The description for screen readers. */
  label: string;
  format: (value: number) => string;
  high?: number;
};

/** A chart over time, with the values under the pointer written out below. */
export function Chart({ times, series, kind, label, format, high = 180 }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const { zone } = usePreferences();
  const dark = useDark();

  // biome-ignore lint/correctness/useExhaustiveDependencies: the tokens have other values by night
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const plot = new uPlot(
      optionsOf({ element, series, kind, format, high, zone, onPoint: setAt }),
      [times.map((time) => time / 1000), ...drawn(series, kind)] as uPlot.AlignedData,
      element,
    );
    const resizing = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: high });
    });
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      plot.destroy();
    };
  }, [times, series, kind, format, high, zone, dark]);

  const index = at ?? undefined;
  return (
    <figure className="min-w-0 px-4 pb-3">
      <div ref={host} role="img" aria-label={label} className="min-w-0" style={{ height: high }} />
      <figcaption className="flex flex-wrap gap-x-4 text-xs text-ink-2">
        {series.map(({ name, token, values }) => {
          const value = index === undefined ? undefined : values[index];
          return (
            <span key={name} className="flex items-center gap-1.5">
              <span
                aria-hidden="true"
                className="size-[9px] rounded-[2px]"
                style={{ background: `var(--${token})` }}
              />
              {name}
              {value !== undefined && value !== null && <b className="text-ink">{format(value)}</b>}
            </span>
          );
        })}
        {index !== undefined && times[index] !== undefined && (
          <span className="ml-auto">
            {dateTime(new Date(times[index]).toISOString(), zone).slice(0, 16)}
          </span>
        )}
      </figcaption>
    </figure>
  );
}

/** The values to draw: for bars the sums, the tallest first, so that smaller ones are drawn over it. */
function drawn(series: readonly Series[], kind: Props["kind"]): (number | null)[][] {
  if (kind === "lines") return series.map(({ values }) => [...values]);
  return series
    .map((_, upTo) =>
      (series[0]?.values ?? []).map((__, index) =>
        series.slice(0, upTo + 1).reduce((sum, { values }) => sum + (values[index] ?? 0), 0),
      ),
    )
    .toReversed();
}

type Drawing = Pick<Props, "series" | "kind" | "format"> & {
  element: HTMLElement;
  high: number;
  zone: Zone;
  onPoint: (index: number | null) => void;
};

function optionsOf(d: Drawing): uPlot.Options {
  const colour = colours(d.element);
  const bars = uPlot.paths.bars?.({ size: [0.72, 48, 1] });
  const inOrder = d.kind === "bars" ? d.series.toReversed() : d.series;
  const axis = {
    stroke: colour("ink-3"),
    font: `11px ${getComputedStyle(d.element).fontFamily}`,
    ticks: { show: false },
  };
  return {
    width: Math.max(80, d.element.clientWidth),
    height: d.high,
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: d.kind === "lines" } },
    ...(d.zone === "utc" && { tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC") }),
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.08)] } },
    axes: [
      { ...axis, size: 26, grid: { show: false }, values: timeLabels(d.zone) },
      {
        ...axis,
        size: 52,
        space: 40,
        grid: { stroke: colour("line"), width: 1 },
        // Counts are whole numbers.
        incrs: [1, 2, 5]
          .flatMap((one) => [0, 1, 2, 3, 4, 5, 6, 7, 8].map((zeros) => one * 10 ** zeros))
          .sort((a, b) => a - b),
        values: (_, values) => values.map((value) => d.format(value)),
      },
    ],
    series: [
      {},
      ...inOrder.map(
        ({ name, token }): uPlot.Series => ({
          label: name,
          ...(d.kind === "bars"
            ? {
                fill: colour(token),
                width: 0,
                points: { show: false },
                ...(bars && { paths: bars }),
              }
            : {
                stroke: colour(token),
                width: 1.6,
                points: { show: true, size: 4, fill: colour(token) },
                spanGaps: true,
              }),
        }),
      ),
    ],
    hooks: { setCursor: [({ cursor }) => d.onPoint(cursor.idx ?? null)] },
  };
}

/** Hours as `09:00`; days as `11-29`. */
const timeLabels =
  (zone: Zone): uPlot.Axis.DynamicValues =>
  (_, splits, __, ___, seconds) =>
    splits.map((at) => {
      const text = dateTime(new Date(at * 1000).toISOString(), zone);
      return seconds >= 86_400 || text.slice(11, 16) === "00:00"
        ? text.slice(5, 10)
        : text.slice(11, 16);
    });

/** Reads tokens as the browser computes them, here and in this theme. */
function colours(near: HTMLElement): (token: string) => string {
  const probe = document.createElement("span");
  near.append(probe);
  const found = new Map<string, string>();
  const read = (token: string): string => {
    const known = found.get(token);
    if (known !== undefined) return known;
    probe.style.color = `var(--${token})`;
    const value = getComputedStyle(probe).color;
    found.set(token, value);
    return value;
  };
  queueMicrotask(() => probe.remove());
  return read;
}
