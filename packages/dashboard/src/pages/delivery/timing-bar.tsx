import type { AttemptTiming } from "@postrider/sdk";

const parts = [
  ["dns", "DNS", "bg-t-dns"],
  ["connect", "connect", "bg-t-connect"],
  ["tls", "TLS", "bg-t-tls"],
  ["wait", "waiting for the answer", "bg-t-wait"],
  ["read", "reading", "bg-t-read"],
] as const;

/** The timing of an attempt; the full width is that of the longest attempt. */
export function TimingBar({ timing, longestMs }: { timing: AttemptTiming; longestMs: number }) {
  const known = parts.filter(([name]) => (timing[name] ?? 0) > 0);
  const said = known.map(([name, word]) => `${word} ${ms(timing[name])}`).join(", ");
  return (
    <span
      role="img"
      aria-label={said === "" ? "Under a millisecond" : said}
      title={said}
      className="flex h-2.5 overflow-hidden rounded-[3px] bg-sunken outline-1 outline-line"
    >
      {known.map(([name, , colour]) => (
        <span
          key={name}
          className={colour}
          style={{ width: `max(1px, ${((timing[name] ?? 0) / Math.max(1, longestMs)) * 100}%)` }}
        />
      ))}
    </span>
  );
}

const ms = (value: number | null): string => `${Math.round((value ?? 0) * 10) / 10} ms`;

/** The legend of the bars' colours. */
export const TimingLegend = () => (
  <ul className="flex flex-wrap gap-x-3.5 gap-y-1 px-4 pb-3 text-xs text-ink-2">
    {parts.map(([name, word, colour]) => (
      <li key={name} className="flex items-center gap-1.5">
        <span aria-hidden="true" className={`size-[9px] rounded-[2px] ${colour}`} />
        {word}
      </li>
    ))}
  </ul>
);
