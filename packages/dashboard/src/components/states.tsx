import { ApiFailure, sentenceOf } from "../api/problem.ts";
import { Copy } from "./copy.tsx";

/** Placeholders for rows that are being loaded. */
export const SkeletonRows = ({ rows = 8 }: { rows?: number }) => (
  <div role="status" aria-label="Loading" className="divide-y divide-line">
    {Array.from({ length: rows }, (_, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
      <div key={index} className="flex h-9 items-center gap-6 px-4">
        <span className="skeleton h-3 w-16" />
        <span className="skeleton h-3 w-40 max-w-[30%]" />
        <span className="skeleton h-3 w-28 max-w-[20%]" />
        <span className="skeleton ml-auto h-3 w-10" />
      </div>
    ))}
  </div>
);

/** A placeholder for a block that is being loaded. */
export const SkeletonBlock = ({ className = "h-40" }: { className?: string }) => (
  <div role="status" aria-label="Loading" className={`card p-4 ${className}`}>
    <div className="skeleton mb-3 h-4 w-40" />
    <div className="skeleton mb-2 h-3 w-full max-w-md" />
    <div className="skeleton h-3 w-full max-w-xs" />
  </div>
);

/** An empty state: why it is empty, and what to do about it. */
export const Empty = ({ title, children }: { title: string; children?: React.ReactNode }) => (
  <div className="mx-auto grid max-w-lg justify-items-center gap-2 px-4 py-12 text-center">
    <p className="font-[600]">{title}</p>
    {children && <div className="grid justify-items-center gap-3 text-ink-2">{children}</div>}
  </div>
);

/** A refusal of the API in its own words, with the request id and a button to try again. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const failure = error instanceof ApiFailure ? error : undefined;
  if (failure?.status === 403) return <Forbidden />;
  return (
    <div role="alert" className="grid justify-items-start gap-2 px-4 py-6">
      <p className="font-[550] text-bad">{sentenceOf(error)}</p>
      {failure?.requestId !== undefined && (
        <p className="flex flex-wrap items-baseline gap-1.5 text-xs text-ink-3">
          Request <span className="mono break-all">{failure.requestId}</span>
          <Copy text={failure.requestId} what="request id" />
        </p>
      )}
      {onRetry && (
        <button type="button" className="btn" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The session may not see this, and how that changes. */
export const Forbidden = ({ needs }: { needs?: string }) => (
  <Empty title="You have no access to this page">
    <p>
      {needs
        ? `It needs a key with the scope ${needs}. Sign in with a key that has it.`
        : "Your key lacks a scope for it. Sign in with a key that has it."}
    </p>
  </Empty>
);

/** A line about one thing that needs to be known. */
export const Note = ({ children }: { children: React.ReactNode }) => (
  <div className="rounded border-l-[3px] border-wait bg-wait-soft px-3 py-2">{children}</div>
);
