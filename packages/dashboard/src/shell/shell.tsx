import { lazy, type ReactNode } from "react";
import { useNarrow } from "../components/narrow.ts";
import { OnDemand } from "../components/on-demand.tsx";
import { Account } from "./account.tsx";
import { Brand } from "./brand.tsx";
import { Navigation } from "./navigation.tsx";

const Drawer = lazy(() => import("./drawer.tsx"));

/** The frame of every page: the navigation, the team and the viewer. */
export function Shell({ children }: { children: ReactNode }) {
  const narrow = useNarrow();
  return (
    <div
      className={`grid h-full ${narrow ? "grid-rows-[auto_minmax(0,1fr)]" : "grid-cols-[212px_minmax(0,1fr)]"}`}
    >
      <a
        href="#content"
        className="btn sr-only z-50 focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      {narrow ? <TopBar /> : <SideBar />}
      <main id="content" tabIndex={-1} className="min-h-0 min-w-0 overflow-y-auto outline-none">
        {children}
      </main>
    </div>
  );
}

const SideBar = () => (
  <aside className="flex min-h-0 flex-col overflow-y-auto border-r border-line bg-sunken px-2.5 py-3">
    <div className="px-2 pt-1 pb-3">
      <Brand />
    </div>
    <Navigation />
    <div className="mt-auto border-t border-line pt-2">
      <Account />
    </div>
  </aside>
);

const TopBar = () => (
  <header className="flex items-center justify-between border-b border-line bg-sunken px-4 py-2">
    <Brand />
    <OnDemand face="Menu" kind="dialog" className="btn">
      <Drawer />
    </OnDemand>
  </header>
);
