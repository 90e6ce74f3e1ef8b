import type { ConversationWithMessages, Delivery } from "@postrider/sdk";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { callQuery, eraseCall } from "../../api/calls.ts";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { Id } from "../../components/copy.tsx";
import { EraseAction } from "../../components/erase-action.tsx";
import { useAssistantNames } from "../../components/names.ts";
import { Page } from "../../components/page.tsx";
import { Empty, Failure, SkeletonBlock } from "../../components/states.tsx";
import { Status, Tag } from "../../components/status.tsx";
import { Clock, DateTime } from "../../components/times.tsx";
import { useChanges } from "../../live/live.tsx";
import { printSearch } from "../../search.ts";
import { conversationOf, type Moment } from "../../words/conversation.ts";
import { answerOf, outcomes } from "../../words/outcomes.ts";
import { callWords } from "../../words/subject-states.ts";
import { duration } from "../../words/times.ts";

/** The most deliveries of a call that are shown beside its messages. */
const shownMax = 200;

/** One call as a conversation, each entry with its deliveries. */
export function CallPage({ id }: { id: string }) {
  const client = useQueryClient();
  const { data: call, error, refetch } = useQuery(callQuery(id));
  const { data: told } = useQuery(someDeliveriesQuery({ subject_id: id }, shownMax));
  const report = told?.deliveries.find(({ event_type }) => event_type === "end-of-call-report");
  useChanges(({ rows, gap }) => {
    if (!gap && !rows.some((row) => row.call_id === id)) return;
    void client.invalidateQueries({ queryKey: ["calls", "one", id] });
    void client.invalidateQueries({ queryKey: ["some-deliveries"] });
  });
  return (
    <Page
      title={call?.userNumber ? `Call with ${call.userNumber}` : "Call"}
      about={
        <span className="flex flex-wrap items-baseline gap-x-3">
          <Link href="/calls" className="link">
            All calls
          </Link>
          <Id id={id} what="call id" />
        </span>
      }
      actions={
        <>
          {call && (
            <Tag tone={callWords[call.status].tone}>
              {callWords[call.status].word.toLowerCase()}
            </Tag>
          )}
          <Link href={`/deliveries${printSearch({ about: id })}`} className="btn">
            All its deliveries
          </Link>
          {report && (
            <Link href={`/delivery${printSearch({ id: report.id })}`} className="btn">
              Report as sent
            </Link>
          )}
          {call && (
            <EraseAction what="this call" erase={() => eraseCall(id)} back="/calls">
              <p>
                What was said goes with it, and its events, deliveries and attempts, whatever their
                state. What the server has been told already stays with it. It cannot be brought
                back.
              </p>
            </EraseAction>
          )}
        </>
      }
    >
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {!call && !error && (
        <div className="grid gap-4 p-4">
          <SkeletonBlock />
        </div>
      )}
      {call && <Conversation call={call} deliveries={told?.deliveries ?? []} />}
    </Page>
  );
}

function Conversation({
  call,
  deliveries,
}: {
  call: ConversationWithMessages;
  deliveries: readonly Delivery[];
}) {
  const moments = conversationOf(call.messages, deliveries);
  const assistant = useAssistantNames([call.assistantId])(call.assistantId);
  return (
    <div className="grid max-w-[1080px] gap-4 p-4">
      <p className="text-ink-2">
        {call.direction} {call.callType} call
        {call.startAt && (
          <>
            , began <DateTime at={call.startAt} />
          </>
        )}
        {call.assistantCallDuration !== null && `, took ${duration(call.assistantCallDuration)}`}.{" "}
        {assistant !== undefined && "Assistant: "}
        <Link
          href={`/assistants${printSearch({ assistant: call.assistantId })}`}
          className="link [overflow-wrap:anywhere]"
          title={call.assistantId}
        >
          {assistant === undefined ? "Its assistant" : <bdi>{assistant}</bdi>}
        </Link>
      </p>
      {moments.length === 0 && (
        <Empty title="No messages and events yet">
          <p>Messages appear here as they are reported.</p>
        </Empty>
      )}
      <ol className="grid gap-2.5">
        {moments.map((moment, index) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: moments have no id of their own, and only ever come behind others
            key={index}
            className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-3.5 gap-y-0.5 wide:grid-cols-[92px_minmax(0,1fr)_310px]"
          >
            <span className="mono text-ink-3 wide:pt-1">
              <Clock at={moment.at} />
            </span>
            <Said moment={moment} />
            <ul className="grid gap-0.5 wide:pt-1">
              {moment.told.map((delivery) => (
                <Told key={delivery.id} delivery={delivery} />
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </div>
  );
}

const happenings: Readonly<Record<string, string>> = {
  hang: "Silence: the user's message was not answered in time",
  error: "The assistant's model or its hearing failed",
  "status-update": "The state of the call changed",
  "end-of-call-report": "The call ended; its report went out",
  "conversation-update": "Something was said",
};

function Said({ moment: { message, type } }: { moment: Moment }) {
  if (message === undefined) {
    const bad = type === "hang" || type === "error";
    return (
      <p
        className={
          bad ? "border-l-2 border-wait py-1 pl-3 font-[550] text-wait" : "pt-1 text-ink-2"
        }
      >
        {happenings[type ?? ""] ?? type}
      </p>
    );
  }
  return (
    <div>
      <p className="text-xs text-ink-3">{message.role === "user" ? "User" : "Assistant"}</p>
      <p
        dir="auto"
        className={`max-w-[62ch] rounded-[10px] border px-3 py-2 break-words whitespace-pre-wrap ${message.role === "user" ? "border-transparent bg-accent-soft" : "border-line bg-surface"}`}
      >
        {message.text ?? (
          <span className="text-ink-3">hidden: your key lacks the scope payload</span>
        )}
      </p>
    </div>
  );
}

const Told = ({ delivery }: { delivery: Delivery }) => (
  <li>
    <Link
      href={`/deliveries${printSearch({ about: delivery.call_id ?? undefined, delivery: delivery.id })}`}
      className="flex flex-wrap items-baseline gap-x-2 hover:underline"
    >
      <Status of={{ word: outcomes[delivery.status].word, tone: outcomes[delivery.status].tone }} />
      <span className="mono">{delivery.event_type}</span>
      <span className="text-xs text-ink-3">
        {answerOf(delivery)}
        {delivery.duration_ms !== null && ` · ${duration(delivery.duration_ms)}`}
      </span>
    </Link>
  </li>
);
