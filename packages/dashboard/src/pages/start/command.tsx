import { Copy } from "../../components/copy.tsx";

/** A command to paste into a terminal. */
export const Command = ({ text }: { text: string }) => (
  <div className="rounded bg-sunken">
    <div className="flex justify-end px-1.5 pt-1.5">
      <Copy text={text} what="command" className="btn px-2 text-xs" />
    </div>
    <pre tabIndex={0} className="mono overflow-x-auto px-3 pb-2.5 leading-[1.55]">
      {text}
    </pre>
  </div>
);
