import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { endpointsQuery } from "../api/endpoints.ts";
import type { Scope } from "../api/session.ts";
import { place } from "../place.ts";
import { useViewer } from "./viewer.tsx";

type Entry = { path: string; name: string; needs?: Scope; portal?: boolean };

const work: readonly Entry[] = [
  { path: "/", name: "Overview", portal: true },
  { path: "/deliveries", name: "Deliveries", portal: true },
  { path: "/endpoints", name: "Endpoints", portal: true },
  { path: "/runs", name: "Runs" },
  { path: "/calls", name: "Calls" },
  { path: "/assistants", name: "Assistants" },
  { path: "/replays", name: "Replays", portal: true },
  { path: "/events", name: "Events", portal: true },
];
const service: readonly Entry[] = [
  { path: "/start", name: "Start here" },
  { path: "/keys", name: "API keys", needs: "admin" },
  { path: "/portal-links", name: "Portal links", needs: "admin" },
  { path: "/sessions", name: "Sessions" },
  { path: "/team", name: "Team", needs: "admin" },
  { path: "/audit", name: "Audit", needs: "admin" },
  { path: "/operational", name: "Operational webhooks", needs: "admin" },
];

/** Links to every page that the viewer may see. `onGo` is called at each click. */
export function Navigation({ onGo }: { onGo?: () => void }) {
  const viewer = useViewer();
  const shown = ({ needs, portal }: Entry): boolean =>
    (place.kind === "dashboard" || portal === true) &&
    (needs === undefined || viewer.scopes.includes(needs));
  return (
    <nav aria-label="Main" className="grid gap-0.5">
      {work.filter(shown).map((entry) => (
        <Item key={entry.path} {...entry} onGo={onGo} />
      ))}
      {place.kind === "dashboard" && (
        <>
          <hr className="mx-1.5 my-2 border-line" />
          {service.filter(shown).map((entry) => (
            <Item key={entry.path} {...entry} onGo={onGo} />
          ))}
          <a
            href={`${place.api}/docs`}
            className="flex h-8 items-center rounded-md px-2 text-ink-2 hover:text-ink"
          >
            Documentation
          </a>
        </>
      )}
    </nav>
  );
}

function Item({ path, name, onGo }: Entry & { onGo?: (() => void) | undefined }) {
  const [at] = useLocation();
  const here = at === path;
  return (
    <Link
      href={path}
      {...(onGo && { onClick: onGo })}
      aria-current={here ? "page" : undefined}
      className={`flex h-8 items-center gap-2 rounded-md px-2 pointer-coarse:h-10 ${
        here
          ? "bg-surface font-[600] text-ink shadow-[0_0_0_1px_var(--line)]"
          : "text-ink-2 hover:text-ink"
      }`}
    >
      {name}
      {path === "/endpoints" && <FailingCount />}
    </Link>
  );
}

function FailingCount() {
  const { data } = useQuery(endpointsQuery({ state: ["failing"] }));
  const failing = data?.endpoints.length ?? 0;
  if (failing === 0) return null;
  return (
    <span className="ml-auto text-xs font-[650] text-bad">
      {failing}
      {data?.next_cursor ? "+" : ""}
      <span className="sr-only"> failing</span>
    </span>
  );
}
