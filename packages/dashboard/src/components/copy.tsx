import { useEffect, useState } from "react";

/** Copies a text to the clipboard, also on a plain http page, which has no clipboard API. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "fixed -left-[999px]";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A button that copies a text and says so for a moment. `what` completes the name: "Copy event id". */
export function Copy({
  text,
  what,
  className = "link text-ink-3",
  children = "copy",
}: {
  text: string | (() => string);
  what: string;
  className?: string;
  children?: React.ReactNode;
}) {
  const [said, setSaid] = useState<string>();
  useEffect(() => {
    if (said === undefined) return;
    const timer = setTimeout(() => setSaid(undefined), 1_500);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <button
      type="button"
      className={className}
      aria-label={said ?? `Copy ${what}`}
      onClick={async (event) => {
        event.stopPropagation();
        const done = await copyText(typeof text === "string" ? text : text());
        setSaid(done ? "Copied" : "The browser does not let this page copy");
      }}
    >
      <span aria-live="polite">{said === undefined ? children : said.toLowerCase()}</span>
    </button>
  );
}

/** An id that copies with one click; on narrow screens its middle is cut. */
export const Id = ({ id, what }: { id: string; what: string }) => (
  <span className="inline-flex max-w-full items-baseline gap-1.5">
    <span className="mono truncate text-ink-3" title={id}>
      {id}
    </span>
    <Copy text={id} what={what} className="link text-xs text-ink-3" />
  </span>
);
