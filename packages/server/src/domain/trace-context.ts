/**
 * The position of a request in a distributed trace (W3C Trace Context), as it is stored: its `traceparent` in the form of
 * version 00, then a blank and its `tracestate` if it has one.
 */
export type TraceContext = string;

const parentLength = 55;
const shape =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;
/** The flags of version 00: sampled, and random trace id. Other bits must be sent as 0. */
const knownFlags = 0b11;

const membersMax = 32;
const stateLengthMax = 512;
const longMember = 128;
const key = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
const value = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Reads the trace headers of a request; undefined when it has no valid trace.
 *
 * A `traceparent` that is not valid counts as none, and so does the `tracestate` with it; a `tracestate` that is not valid
 * is left out. Several headers with one name arrive joined by commas; more than one `traceparent` is not valid.
 */
export function readTraceContext(headers: {
  traceparent?: string | readonly string[] | undefined;
  tracestate?: string | readonly string[] | undefined;
}): TraceContext | undefined {
  if (headers.traceparent === undefined) return undefined;
  const [, version, trace, parent, flags = "", more] =
    shape.exec(String(headers.traceparent).trim()) ?? [];
  // Version 00 ends there. A later version may have more, which is ignored.
  if (version === undefined || (version === "00" && more !== undefined)) return undefined;
  const known = (Number.parseInt(flags, 16) & knownFlags).toString(16).padStart(2, "0");
  const state = readState(String(headers.tracestate ?? ""));
  return `00-${trace}-${parent}-${known}${state === "" ? "" : ` ${state}`}`;
}

/** The members of a `tracestate`, newest first; empty when any of them is not valid or occurs twice. */
function readState(text: string): string {
  const members = text
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = new Set<string>();
  for (const member of members) {
    const at = member.indexOf("=");
    const name = member.slice(0, at);
    if (at < 0 || !key.test(name) || !value.test(member.slice(at + 1)) || keys.has(name)) return "";
    keys.add(name);
  }
  if (members.length > membersMax) return "";
  return shortened(members).join(",");
}

/** Shortens a `tracestate` that is too long to pass on: long members go first, then the oldest ones. */
function shortened(members: readonly string[]): readonly string[] {
  const fits = (some: readonly string[]) => some.join(",").length <= stateLengthMax;
  let kept = members;
  if (!fits(kept)) kept = kept.filter(({ length }) => length <= longMember);
  while (!fits(kept)) kept = kept.slice(0, -1);
  return kept;
}

/** The trace headers of a request that another request caused: its child in the same trace. `spanId`: 16 hex digits. */
export function traceHeaders(context: TraceContext, spanId: string): string[] {
  const parent = context.slice(0, parentLength);
  const state = context.slice(parentLength + 1);
  const own = `${parent.slice(0, 36)}${spanId}${parent.slice(52)}`;
  return state === "" ? ["traceparent", own] : ["traceparent", own, "tracestate", state];
}
