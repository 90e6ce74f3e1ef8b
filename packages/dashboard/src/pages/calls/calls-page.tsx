import type { ListedConversation } from "@postrider/sdk";
import { useInfiniteQuery } from "@tanstack/react-query";
import { callsQuery } from "../../api/calls.ts";
import { Line } from "../../components/line.tsx";
import { Listed } from "../../components/listed.tsx";
import { Named, OnlyChip } from "../../components/named.tsx";
import { useAssistantNames } from "../../components/names.ts";
import { Page } from "../../components/page.tsx";
import { StateSelect } from "../../components/state-select.tsx";
import { Empty } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { Age } from "../../components/times.tsx";
import { one, printSearch, useTypedSearch } from "../../search.ts";
import { shortId } from "../../words/names.ts";
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
  const calls = query.data?.pages.flatMap((page) => page.conversations) ?? [];
  const assistants = calls.map((call) => call.assistantId);
  const find = useAssistantNames(
    address.assistant ? [address.assistant, ...assistants] : assistants,
  );
  const nameOf = (id: string): string => find(id) ?? shortId(id);
  if (address.call !== undefined) return <CallPage key={address.call} id={address.call} />;
  return (
    <Page
      title="Calls"
      actions={
        <>
          {address.assistant && (
            <OnlyChip
              what="Assistant"
              name={nameOf(address.assistant)}
              id={address.assistant}
              onClear={() => change({ assistant: undefined })}
            />
          )}
          <StateSelect
            words={callWords}
            states={spec.status.choices ?? []}
            value={address.status}
            onChange={(status) => change({ status })}
          />
        </>
      }
    >
      <div className="bg-surface">
        <Listed
          query={query}
          items={calls}
          label="Calls"
          empty={
            <Empty title={address.status ? "No call is in this state" : "No call was reported yet"}>
              <p>Voice platforms report calls through the API while the calls run.</p>
            </Empty>
          }
          row={(call) => <Row key={call.id} call={call} assistant={nameOf(call.assistantId)} />}
        />
      </div>
    </Page>
  );
}

const Row = ({ call, assistant }: { call: ListedConversation; assistant: string }) => (
  <li className="border-b border-line">
    <Line
      href={`/calls${printSearch({ call: call.id })}`}
      lead={<Status of={callWords[call.status]} />}
      main={<Named name={call.userNumber ?? assistant} id={call.id} />}
      more={
        <>
          <span className="min-w-0 truncate">
            {call.direction} {call.callType}
            {call.userNumber !== null && (
              <>
                , <bdi title={assistant}>{assistant}</bdi>
              </>
            )}
          </span>
          <span className="shrink-0 text-right">{counted(call.messageCount, "message")}</span>
          <span className="w-20 shrink-0 text-right">
            {call.assistantCallDuration !== null && duration(call.assistantCallDuration)}
          </span>
        </>
      }
      end={<Age at={call.createdAt} />}
    />
  </li>
);
