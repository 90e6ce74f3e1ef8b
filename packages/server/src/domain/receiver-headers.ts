/** What is wrong with a header that a subscriber asks for; `name` is null when it is about all headers together. */
export type HeaderFault = { name: string | null; code: HeaderFaultCode; reason: string };

/** The code of each fault of a custom header. */
export type HeaderFaultCode =
  | "header_name_invalid"
  | "header_name_reserved"
  | "header_duplicate"
  | "header_value_empty"
  | "header_value_invalid"
  | "header_value_too_long"
  | "header_too_many"
  | "header_total_too_long";

/** The most headers that a subscriber may ask for. */
export const headersMax = 20;
/** Characters of one value. */
export const headerValueLengthMax = 4 * 1024;
/** Characters of all names and values together. */
export const headersLengthMax = 8 * 1024;
/** Characters of one name. */
export const headerNameLengthMax = 64;

// A token of RFC 9110 §5.6.2 that begins with a letter or digit: `__proto__` and similar names are refused.
const nameForm = /^[A-Za-z0-9][!#$%&'*+.^_`|~0-9A-Za-z-]*$/;
// Printable ASCII, blanks and tabs only inside (RFC 9110 §5.5 without obs-text, which clients encode differently).
const valueForm = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/** Names that would change the request's framing, its route, its claimed sender, or what the service signs. */
const reservedNames: ReadonlySet<string> = new Set([
  // Framing and hop by hop.
  ...["transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"],
  ...["http2-settings", "early-data", "host", "x-host"],
  // Set by this service, or read as a signature of its own.
  ...["user-agent", "accept-encoding", "signature", "signature-input", "signature-agent"],
  ...["cookie", "cookie2", "set-cookie"],
  // Forwarding: headers that proxies add or use for routing.
  ...["forwarded", "x-forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip"],
  ...["true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-rewrite-url"],
  // Where a browser's request comes from: receivers allow or refuse requests by these.
  ...["origin", "referer"],
  // Traces: passed on from the report that caused the event.
  ...["traceparent", "tracestate"],
  ...["x-http-method", "x-http-method-override", "x-method-override"],
  // Headers that cloud metadata services require.
  ...["metadata", "metadata-flavor", "metadata-token", "x-metadata-token"],
  "x-google-metadata-request",
]);

const reservedPrefixes = [
  ...["webhook-", "x-webhook-", "x-interactly-", "content-", "proxy-"],
  ...["x-forwarded-", "x-original-", "x-envoy-"],
  ...["sec-", "x-amz-"], // Headers that browsers set, and that AWS signs or reads as commands.
  ...["x-aws-ec2-metadata-", "x-aliyun-ecs-metadata-"],
] as const;

/**
 * Finds the faults of the headers that a subscriber asks for, in names and values; an empty list: they may be sent.
 *
 * `ownNames` are headers that the contract sends itself, `ownPrefix` is the prefix of the service's own names. `_` counts
 * as `-`, since receivers behind CGI see no difference.
 * No reason quotes a value.
 */
export function findHeaderFaults(
  headers: Iterable<readonly [name: string, value: string]>,
  ownNames: readonly string[] = [],
  ownPrefix?: string,
): HeaderFault[] {
  const faults: HeaderFault[] = [];
  const own: OwnHeaders = {
    names: new Set(ownNames.map(plainName)),
    prefixes: ownPrefix === undefined ? reservedPrefixes : [...reservedPrefixes, `${ownPrefix}-`],
  };
  const seen = new Set<string>();
  let count = 0;
  let length = 0;

  for (const [name, value] of headers) {
    count += 1;
    length += name.length + value.length;
    if (count > headersMax) continue;
    const plain = plainName(name);
    const fault = nameFault(name, plain, own) ?? valueFault(value);
    if (fault) faults.push({ name, ...fault });
    else if (seen.has(plain)) faults.push({ name, ...duplicate });
    seen.add(plain);
  }
  if (count > headersMax) {
    const reason = `must have at most ${headersMax} entries`;
    faults.push({ name: null, code: "header_too_many", reason });
  }
  if (length > headersLengthMax) {
    const reason = `must have at most ${headersLengthMax} characters in all names and values together`;
    faults.push({ name: null, code: "header_total_too_long", reason });
  }
  return faults;
}

type Fault = Omit<HeaderFault, "name">;

const duplicate: Fault = {
  code: "header_duplicate",
  reason: "is named twice; letter case makes no difference",
};

const plainName = (name: string): string => name.toLowerCase().replaceAll("_", "-");

type OwnHeaders = { names: ReadonlySet<string>; prefixes: readonly string[] };

function nameFault(name: string, plain: string, own: OwnHeaders): Fault | undefined {
  if (name.length > headerNameLengthMax || !nameForm.test(name)) {
    const reason = `must be a header name of at most ${headerNameLengthMax} letters, digits and hyphens`;
    return { code: "header_name_invalid", reason };
  }
  const reserved =
    own.names.has(plain) ||
    reservedNames.has(plain) ||
    own.prefixes.some((prefix) => plain.startsWith(prefix));
  return reserved
    ? { code: "header_name_reserved", reason: "is a reserved header and cannot be set" }
    : undefined;
}

function valueFault(value: string): Fault | undefined {
  if (value === "") return { code: "header_value_empty", reason: "must not be empty" };
  if (value.length > headerValueLengthMax) {
    const reason = `must have at most ${headerValueLengthMax} characters`;
    return { code: "header_value_too_long", reason };
  }
  if (valueForm.test(value)) return undefined;
  const reason = "must be printable ASCII that neither begins nor ends with a blank";
  return { code: "header_value_invalid", reason };
}
