import type { DeliveryAttempt } from "@postrider/sdk";
import { JsonView } from "../../components/json-tree.tsx";

/** The request and the answer of one attempt, side by side if there is room. */
export const Exchange = ({ attempt }: { attempt: DeliveryAttempt }) => (
  <div className="grid min-w-0 @min-[680px]:grid-cols-2 @min-[680px]:divide-x @min-[680px]:divide-line">
    <Answer attempt={attempt} />
    <Request attempt={attempt} />
  </div>
);

function Answer({ attempt }: { attempt: DeliveryAttempt }) {
  const hidden = attempt.hidden?.includes("response_body") ?? false;
  return (
    <section aria-label="Answer" className="min-w-0 py-3">
      <h3 className="px-4 pb-1 text-xs font-[600] text-ink-2">Answer</h3>
      {attempt.error !== null && <p className="px-4 pb-2 text-bad">{attempt.error}</p>}
      {attempt.status_code === null ? (
        attempt.error === null && <p className="px-4 text-ink-2">No answer came.</p>
      ) : (
        <Headers first={`HTTP ${attempt.status_code}`} headers={attempt.response_headers} />
      )}
      {hidden && (
        <p className="px-4 pt-2 text-ink-3">
          The body is hidden: your key lacks the scope payload.
        </p>
      )}
      {attempt.response_body !== null && attempt.response_body !== "" && (
        <JsonView
          key={attempt.number}
          text={attempt.response_body}
          what="the answer's body"
          high={320}
        />
      )}
      {attempt.response_body === "" && attempt.status_code !== null && (
        <p className="px-4 pt-2 text-ink-3">The answer had no body.</p>
      )}
      {attempt.response_truncated && (
        <p className="px-4 text-xs text-ink-3">Truncated: only the first 16 KiB are kept.</p>
      )}
    </section>
  );
}

const Request = ({ attempt }: { attempt: DeliveryAttempt }) => (
  <section aria-label="Request" className="min-w-0 py-3">
    <h3 className="px-4 pb-1 text-xs font-[600] text-ink-2">
      Request{attempt.address && ` to ${attempt.address}`}
    </h3>
    {attempt.request_headers === null ? (
      <p className="px-4 text-ink-2">Nothing was sent.</p>
    ) : (
      <Headers first={`POST ${attempt.url}`} headers={attempt.request_headers} />
    )}
  </section>
);

const Headers = ({
  first,
  headers,
}: {
  first: string;
  headers: Readonly<Record<string, string>> | null;
}) => (
  <div className="mono px-4 leading-[1.6] [overflow-wrap:anywhere]">
    <p className="font-[600]">{first}</p>
    {Object.entries(headers ?? {}).map(([name, value]) => (
      <p key={name}>
        <span className="text-ink-3">{name}:</span> {value}
      </p>
    ))}
  </div>
);
