import type { ListedConversation } from "@postrider/sdk";
import { useInfiniteQuery } from "@tanstack/react-query";
import { callsQuery } from "../../api/calls.ts";
import { Line } from "../../components/line.tsx";
import { MoreButton } from "../../components/more-button.tsx";
import { Page } from "../../components/page.tsx";
import { Empty, Failure, SkeletonRows } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { Age } from "../../components/times.tsx";
import { one, printSearch, useTypedSearch } from "../../search.ts";
import { counted } from "../../words/numbers.ts";
import { callWords } from "../../words/subject-states.ts";
import { duration } from "../../words/times.ts";
import { CallPage } from "./call-page.tsx";

const spec = {
  call: one(),
  status: one("queued", "ongoing", "forwarded", "finished"),
  assistant: one(),
} as const;

/** Calls, or one of them. */
export default function CallsPage() {
  const [address, change] = useTypedSearch(spec);
  const query = useInfiniteQuery({
    ...callsQuery({
      ...(address.status && { status: address.status }),
      ...(address.assistant && { assistantId: address.assistant }),
    }),
    enabled: address.call === undefined,
  });
  if (address.call !== undefined) return <CallPage key={address.call} id={address.call} />;
  const calls = query.data?.pages.flatMap((page) => page.conversations) ?? [];
  return (
    <Page
      title="Calls"
      actions={
        <select
          className="field w-auto"
          aria-label="State"
          value={address.status ?? ""}
          onChange={({ target }) =>
            change({ status: (target.value || undefined) as typeof address.status })
          }
        >
          <option value="">All states</option>
          {spec.status.choices?.map((value) => (
            <option key={value} value={value}>
              {callWords[value].word}
            </option>
          ))}
        </select>
      }
    >
      <div className="bg-surface">
        {query.isPending && <SkeletonRows />}
        {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
        {query.isSuccess && calls.length === 0 && (
          <Empty title={address.status ? "No call is in this state" : "No call was reported yet"}>
            <p>Voice platforms report calls by the API while they go on.</p>
          </Empty>
        )}
        {calls.length > 0 && (
          <ul aria-label="Calls">
            {calls.map((call) => (
              <Row key={call.id} call={call} />
            ))}
          </ul>
        )}
        <MoreButton query={query} />
      </div>
    </Page>
  );
}

const Row = ({ call }: { call: ListedConversation }) => (
  <li className="border-b border-line">
    <Line
      href={`/calls${printSearch({ call: call.id })}`}
      lead={<Status of={callWords[call.status]} />}
      main={call.userNumber ?? <span className="mono">{call.id}</span>}
      more={
        <>
          <span>
            {call.direction} {call.callType}
          </span>
          <span className="text-right">{counted(call.messageCount, "message")}</span>
          <span className="w-20 text-right">
            {call.assistantCallDuration !== null && duration(call.assistantCallDuration)}
          </span>
        </>
      }
      end={<Age at={call.createdAt} />}
    />
  </li>
);
