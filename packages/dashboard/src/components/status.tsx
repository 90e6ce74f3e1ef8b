import type { Delivery } from "@postrider/sdk";
import { outcomes, type Tone, type Word } from "../words/outcomes.ts";

/** The text colour of each tone. */
export const toneText: Readonly<Record<Tone, string>> = {
  ok: "text-ok",
  wait: "text-wait",
  bad: "text-bad",
  idle: "text-idle",
};

const toneTag: Readonly<Record<Tone, string>> = {
  ok: "text-ok bg-ok-soft",
  wait: "text-wait bg-wait-soft",
  bad: "text-bad bg-bad-soft",
  idle: "text-idle bg-idle-soft",
};

/** A state: a word with a dot, never colour alone. */
export function Status({ of: { word, tone }, children }: { of: Word; children?: React.ReactNode }) {
  return (
    <span className={`inline-flex items-center gap-1.5 font-[550] ${toneText[tone]}`}>
      <span aria-hidden="true" className="size-2 shrink-0 rounded-full bg-current" />
      <span>
        {word}
        {children}
      </span>
    </span>
  );
}

/** The status of a delivery as one word. */
export const Outcome = ({ status }: { status: Delivery["status"] }) => (
  <Status of={outcomes[status]} />
);

/** A small word on a ground of its tone. */
export const Tag = ({ tone, children }: { tone: Tone; children: React.ReactNode }) => (
  <span
    className={`inline-flex h-5 items-center rounded-full px-2 text-xs font-[550] whitespace-nowrap ${toneTag[tone]}`}
  >
    {children}
  </span>
);

/** The most dots; above it, numbers are clearer. */
const dotsMax = 6;

/** Attempts as dots: filled for made, hollow for one that is planned. */
export function AttemptDots({ of }: { of: Pick<Delivery, "status" | "attempts_count"> }) {
  const planned = of.status === "retrying" || of.status === "pending" ? 1 : 0;
  const made = of.attempts_count;
  const said = `${made} made${planned ? ", one planned" : ""}`;
  return (
    <span role="img" aria-label={said} title={said} className={toneText[outcomes[of.status].tone]}>
      {made <= dotsMax ? (
        <span className="tracking-[2px]">{"●".repeat(made) + "○".repeat(planned)}</span>
      ) : (
        <span>
          {made} ●{planned ? " ○" : ""}
        </span>
      )}
    </span>
  );
}
