import type { ReactNode } from "react";
import { Link } from "wouter";

/**
 * One thing in a list, as a link to it: its state, its name, how long ago, and more about it.
 *
 * One line if there is room; otherwise further parts are in a second line.
 */
export const Line = ({
  href,
  lead,
  main,
  more,
  end,
}: {
  href: string;
  lead: ReactNode;
  main: ReactNode;
  more: ReactNode;
  end: ReactNode;
}) => (
  <Link
    href={href}
    className="grid min-h-9 grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-x-3 gap-y-0.5 px-4 py-1.5 hover:bg-sunken wide:grid-cols-[104px_minmax(0,1fr)_auto_56px]"
  >
    <span>{lead}</span>
    <span className="min-w-0 truncate">{main}</span>
    <span className="order-last col-span-full flex min-w-0 justify-between gap-x-4 text-[13px] text-ink-2 wide:order-none wide:col-span-1 wide:justify-end">
      {more}
    </span>
    <span className="text-right text-ink-2">{end}</span>
  </Link>
);
