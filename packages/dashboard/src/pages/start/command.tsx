import { Copy } from "../../components/copy.tsx";

/** A command to paste into a terminal. */
export const Command = ({ text }: { text: string }) => (
  <div className="relative rounded bg-sunken">
    <pre tabIndex={0} className="mono overflow-x-auto py-2.5 pr-16 pl-3 leading-[1.55]">
      {text}
    </pre>
    <Copy text={text} what="command" className="btn absolute top-1.5 right-1.5 px-2 text-xs" />
  </div>
);
