import type { Delivery } from "@postrider/sdk";
import { AttemptDots, Outcome, Tag } from "../../components/status.tsx";
import { Age } from "../../components/times.tsx";
import { answerOf } from "../../words/outcomes.ts";

/** The columns of the list when it has one line for each delivery. */
export const columns =
  "grid grid-cols-[96px_minmax(90px,1.3fr)_minmax(70px,1fr)_64px_76px_52px] items-center gap-3 px-4 @max-[600px]:grid-cols-[96px_minmax(90px,1.3fr)_minmax(70px,1fr)_76px_46px] @max-[600px]:gap-2";

type Props = {
  delivery: Delivery;
  endpointName: string;
  open: boolean;
  twoLines: boolean;
  href: string;
  onOpen: () => void;
};

/** One delivery in the list: a link that opens it, one line wide or two where it is narrow. */
export function DeliveryRow({ delivery, endpointName, open, twoLines, href, onOpen }: Props) {
  const link = (
    <a
      href={href}
      data-delivery={delivery.id}
      aria-current={open ? "true" : undefined}
      className="mono block truncate after:absolute after:inset-0"
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onOpen();
      }}
    >
      {delivery.event_type}
    </a>
  );
  const ground = `relative border-b border-line ${open ? "bg-accent-soft" : "hover:bg-sunken"}`;
  if (twoLines) {
    return (
      <div className={`${ground} grid h-full content-center gap-0.5 px-4`}>
        <div className="flex items-center gap-2.5">
          <span role="cell">
            <Outcome status={delivery.status} />
          </span>
          <span role="cell" className="min-w-0 flex-1">
            {link}
          </span>
          {delivery.test && <Tag tone="idle">test</Tag>}
          <span role="cell" className="text-ink-2">
            <Age at={delivery.created_at} />
          </span>
        </div>
        <div className="flex items-center gap-2.5 text-[13px] text-ink-2">
          <span role="cell" className="min-w-0 flex-1 truncate">
            {endpointName}
          </span>
          <span role="cell">
            <AttemptDots of={delivery} />
          </span>
          <span role="cell">{answerOf(delivery)}</span>
        </div>
      </div>
    );
  }
  return (
    <div className={`${ground} ${columns} h-full`}>
      <span role="cell">
        <Outcome status={delivery.status} />
      </span>
      <span role="cell" className="flex min-w-0 items-center gap-2">
        <span className="min-w-0">{link}</span>
        {delivery.test && <Tag tone="idle">test</Tag>}
      </span>
      <span role="cell" className="truncate" title={endpointName}>
        {endpointName}
      </span>
      <span role="cell" className="@max-[600px]:hidden">
        <AttemptDots of={delivery} />
      </span>
      <span role="cell" className="truncate text-right">
        {answerOf(delivery)}
      </span>
      <span role="cell" className="text-right text-ink-2">
        <Age at={delivery.created_at} />
      </span>
    </div>
  );
}
