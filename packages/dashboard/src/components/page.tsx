import { type ReactNode, useEffect } from "react";
import type { Scope } from "../api/session.ts";
import { useViewer } from "../shell/viewer.tsx";
import { Forbidden } from "./states.tsx";

/**
 * A page: its title, what can be done, and what it shows. `fill` lets the content scroll by itself. A viewer without the
 * scope that it `needs` sees only that it is missing.
 */
export function Page({
  title,
  about,
  actions,
  children,
  fill = false,
  needs,
}: {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  fill?: boolean;
  needs?: Scope;
}) {
  const { scopes } = useViewer();
  const may = needs === undefined || scopes.includes(needs);
  useEffect(() => {
    document.title = `${title} · Postrider`;
  }, [title]);
  return (
    <div className={fill ? "flex h-full min-h-0 flex-col" : "min-h-full"}>
      <header className="flex min-h-[57px] flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-surface px-4 py-2.5">
        <div className="min-w-0 flex-1 basis-52">
          <h1 className="truncate" title={title}>
            {title}
          </h1>
          {about && <div className="min-w-0 text-xs text-ink-3">{about}</div>}
        </div>
        {may && actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {may ? children : <Forbidden needs={needs} />}
    </div>
  );
}

/** A titled part of a page. */
export const Card = ({
  title,
  actions,
  children,
  className = "",
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
}) => (
  <section className={`card min-w-0 ${className}`} aria-label={title}>
    <div className="flex min-h-11 flex-wrap items-center gap-2 px-4 pt-2 pb-1">
      <h2 className="flex-1">{title}</h2>
      {actions}
    </div>
    {children}
  </section>
);
