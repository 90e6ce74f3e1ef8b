import type { Session } from "@postrider/sdk";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { leave } from "../../api/session.ts";
import { endAllSessions, endSession, sessionsQuery } from "../../api/sessions.ts";
import { Confirm } from "../../components/dialogs.tsx";
import { Listed } from "../../components/listed.tsx";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { Tag } from "../../components/status.tsx";
import { Age, Moment } from "../../components/times.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { useViewer } from "../../shell/viewer.tsx";

/** The viewer's sessions, and a button to end each. */
export default function SessionsPage() {
  const { name } = useViewer();
  const client = useQueryClient();
  const query = useInfiniteQuery(sessionsQuery);
  const sessions = query.data?.pages.flatMap((page) => page.sessions) ?? [];
  const [asks, setAsks] = useState(false);
  const leaving = useMutation({
    mutationFn: endAllSessions,
    onSuccess: () => leave(client),
    onError: sayFailure,
  });
  return (
    <Page
      title="Sessions"
      about={`Browsers that are signed in as ${name}`}
      actions={
        <button type="button" className="btn btn-danger" onClick={() => setAsks(true)}>
          Sign out everywhere…
        </button>
      }
    >
      <div className="bg-surface">
        <Listed
          query={query}
          items={sessions}
          label="Sessions"
          skeletonRows={4}
          empty={<Empty title="No browser is signed in" />}
          row={(session) => <Row key={session.id} session={session} />}
        />
      </div>
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title="Sign out everywhere?"
        action="Sign out everywhere"
        busy={leaving.isPending}
        onConfirm={() => leaving.mutate()}
      >
        <p>
          Every browser that is signed in as {name} is signed out at once, this one too. API keys
          and portal links go on working.
        </p>
      </Confirm>
    </Page>
  );
}

function Row({ session }: { session: Session }) {
  const client = useQueryClient();
  const { teams } = useViewer();
  const team = teams.find(({ id }) => id === session.team_id);
  const ending = useMutation({
    mutationFn: () => endSession(session.id),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: sessionsQuery.queryKey });
      say("The session has ended");
    },
    onError: sayFailure,
  });
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5">
      <div className="min-w-0 flex-1 basis-60">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span className="font-[600]">
            Signed in <Moment at={session.created_at} />
          </span>
          {session.current && <Tag tone="idle">this browser</Tag>}
        </p>
        <p className="text-[13px] text-ink-3 [overflow-wrap:anywhere]">
          {team?.name ?? "Another team"} · {session.scopes.join(", ")}
        </p>
      </div>
      <span className="text-[13px] text-ink-2">
        seen <Age at={session.last_seen_at} /> ago, ends <Moment at={session.expires_at} />
      </span>
      {!session.current && (
        <button
          type="button"
          className="btn"
          disabled={ending.isPending}
          onClick={() => ending.mutate()}
        >
          Sign out
        </button>
      )}
    </li>
  );
}
