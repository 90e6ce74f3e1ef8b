import { lazy, Suspense } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { Page } from "../components/page.tsx";
import { Empty, SkeletonBlock } from "../components/states.tsx";
import { place } from "../place.ts";
import { PageBoundary } from "./page-boundary.tsx";

const pages = {
  "/": lazy(() => import("../pages/overview/overview-page.tsx")),
  "/deliveries": lazy(() => import("../pages/deliveries/deliveries-page.tsx")),
  "/delivery": lazy(() => import("../pages/delivery/delivery-page.tsx")),
  "/endpoints": lazy(() => import("../pages/endpoints/endpoints-page.tsx")),
  "/runs": lazy(() => import("../pages/runs/runs-page.tsx")),
  "/calls": lazy(() => import("../pages/calls/calls-page.tsx")),
  "/assistants": lazy(() => import("../pages/assistants/assistants-page.tsx")),
  "/replays": lazy(() => import("../pages/replays/replays-page.tsx")),
  "/events": lazy(() => import("../pages/events/events-page.tsx")),
  "/start": lazy(() => import("../pages/start/start-page.tsx")),
  "/keys": lazy(() => import("../pages/settings/keys-page.tsx")),
  "/portal-links": lazy(() => import("../pages/settings/portal-links-page.tsx")),
  "/sessions": lazy(() => import("../pages/settings/sessions-page.tsx")),
  "/team": lazy(() => import("../pages/settings/team-page.tsx")),
  "/operational": lazy(() => import("../pages/settings/operational-page.tsx")),
  "/audit": lazy(() => import("../pages/settings/audit-page.tsx")),
};

/** Pages that only the dashboard has. */
const operatorsOnly: readonly string[] = [
  "/runs",
  "/calls",
  "/assistants",
  "/start",
  "/keys",
  "/portal-links",
  "/sessions",
  "/team",
  "/audit",
  "/operational",
];

/** The page of the address. All are one level deep: the open item of a page is in the query string. */
export function Routes() {
  const [path] = useLocation();
  return (
    <PageBoundary key={path}>
      <Suspense fallback={<Waiting />}>
        <Switch>
          {Object.entries(pages)
            .filter(([name]) => place.kind === "dashboard" || !operatorsOnly.includes(name))
            .map(([name, Content]) => (
              <Route key={name} path={name} component={Content} />
            ))}
          <Route>
            <Page title="No such page">
              <Empty title="Page not found">
                <Link href="/" className="link">
                  Go to the overview
                </Link>
              </Empty>
            </Page>
          </Route>
        </Switch>
      </Suspense>
    </PageBoundary>
  );
}

const Waiting = () => (
  <div className="grid gap-4 p-4">
    <SkeletonBlock className="h-24" />
    <SkeletonBlock className="h-64" />
  </div>
);
