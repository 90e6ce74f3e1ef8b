import { Status } from "../../components/status.tsx";
import type { Tone } from "../../words/outcomes.ts";

const tones: Readonly<Record<"done" | "next" | "later", Tone>> = {
  done: "ok",
  next: "wait",
  later: "idle",
};

/** One step of a few; its state is a word as well as a colour. */
export const Step = ({
  number,
  title,
  state,
  children,
}: {
  number: number;
  title: string;
  state: "done" | "next" | "later";
  children: React.ReactNode;
}) => (
  <section className="card" aria-label={`Step ${number}: ${title}`}>
    <h2 className="flex flex-wrap items-baseline gap-x-2 px-4 pt-3">
      <Status of={{ word: `${number}. ${title}`, tone: tones[state] }} />
      <span role="status" className="text-xs font-normal text-ink-3">
        {state === "done" ? "done" : state === "next" ? "waiting for it…" : ""}
      </span>
    </h2>
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3 px-4 pt-2 pb-4">{children}</div>
  </section>
);
