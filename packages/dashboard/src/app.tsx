import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { Suspense, use } from "react";
import { Router } from "wouter";
import { openQueryClient } from "./api/query-client.ts";
import { viewerQuery } from "./api/session.ts";
import { Failure } from "./components/states.tsx";
import { Toasts } from "./components/toasts.tsx";
import { LiveProvider } from "./live/live.tsx";
import { place } from "./place.ts";
import { PreferencesProvider } from "./shell/preferences.tsx";
import { Routes } from "./shell/routes.tsx";
import { Shell } from "./shell/shell.tsx";
import { SignIn } from "./shell/sign-in.tsx";
import { ViewerProvider } from "./shell/viewer.tsx";

const client = openQueryClient();

/** The whole application. `entered`: the result of a sign-in by link: null, or its error. */
export const App = ({ entered }: { entered: Promise<unknown> }) => (
  // The CSP allows no style elements; styles.css has Base UI's styles instead.
  <CSPProvider disableStyleElements>
    <QueryClientProvider client={client}>
      <PreferencesProvider>
        <Router base={place.base}>
          <Suspense fallback={<Opening />}>
            <Gate entered={entered} />
          </Suspense>
        </Router>
        <Toasts />
      </PreferencesProvider>
    </QueryClientProvider>
  </CSPProvider>
);

/** Shows the pages to a signed-in viewer, and otherwise the sign-in page. */
function Gate({ entered }: { entered: Promise<unknown> }) {
  const refused = use(entered);
  const { data: viewer, error, refetch } = useQuery(viewerQuery);
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (viewer === undefined) return <Opening />;
  if (viewer === null) return <SignIn refused={refused} />;
  return (
    <ViewerProvider viewer={viewer}>
      <LiveProvider key={viewer.team_id} team={viewer.team_id}>
        <Shell>
          <Routes />
        </Shell>
      </LiveProvider>
    </ViewerProvider>
  );
}

const Opening = () => (
  <div role="status" aria-label="Loading" className="grid h-full place-items-center">
    <span className="skeleton h-3 w-40" />
  </div>
);
