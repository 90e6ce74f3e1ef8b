import { verifyBody } from "@postrider/sdk";
import { sign } from "@postrider/sdk/sign";
import { type BodyChange, bodyChanges, isReordered, parseJson } from "./changed-bodies.ts";
import { type MeantSecret, meantSecrets } from "./given-secrets.ts";
import type { CapturedRequest } from "./request-text.ts";
import { durationOf } from "./words.ts";

/** One check: its result, and how to fix it if it fails. */
export type Check = {
  check: "signature" | "secret" | "headers" | "timestamp" | "body" | "other_signature";
  holds: boolean;
  says: string;
  mend: string | null;
};

/** The request to check, the secrets, and the time. */
export type Examined = CapturedRequest & {
  secrets: readonly string[];
  nowMs: number;
  /** Accept a request that is older than five minutes. */
  ignoreAge?: boolean;
};

const toleranceSeconds = 300;
const seeSecret = "see it with postrider endpoints show <endpoint> --secret";

/** Checks a request as a receiver does; returns the result of each part, and why it fails. */
export async function examineRequest(request: Examined): Promise<Check[]> {
  const missing = missingHeaders(request);
  const others = await otherSignatures(request);
  if (missing !== undefined) {
    return [
      failed("signature", "cannot be looked at"),
      missing,
      ...timestampCheck(request),
      bodyCheck(request, undefined),
      ...others,
    ];
  }
  const secrets = request.secrets.map((given) => meantSecrets(given, request));
  const found = findMatch(
    request,
    secrets.flatMap((one) => ("secrets" in one ? one.secrets : [])),
  );
  const wrongSecret = secrets.find((one) => "says" in one);
  const signature =
    found?.isExact === true ? held("signature", "matches") : failed("signature", "does not match");
  const secretCheck =
    found === undefined
      ? wrongSecret !== undefined && "says" in wrongSecret
        ? [failed("secret", wrongSecret.says, wrongSecret.mend)]
        : []
      : found.secret.says === ""
        ? []
        : [failed("secret", found.secret.says, found.secret.mend)];
  const body = bodyCheck(request, found?.change);
  const isUnexplained = found === undefined && secretCheck.length === 0 && body.holds;
  return [
    signature,
    ...secretCheck,
    ...(found?.header === undefined ? [] : [found.header]),
    ...(isUnexplained ? unexplained(request, others) : []),
    ...timestampCheck(request),
    body,
    ...others,
  ];
}

/**
 * The verdict: all required checks pass. If the Standard Webhooks signature matches, the contract's own ones are not
 * required.
 */
export const allHolds = (checks: readonly Check[]): boolean =>
  checks.every(({ check, holds }) => holds || check === "other_signature");

function missingHeaders({ headers }: CapturedRequest): Check | undefined {
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
  const missing = names.filter((name) => (headers[name]?.join("") ?? "") === "");
  if (missing.length > 0) {
    return failed(
      "headers",
      `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing`,
      "keep all headers of the request: a proxy or a log may have left them out",
    );
  }
  const twice = names.slice(0, 2).find((name) => (headers[name]?.length ?? 0) > 1);
  if (twice !== undefined) {
    return failed(
      "headers",
      `${twice} is there twice`,
      "pass the request on without adding headers",
    );
  }
  return undefined;
}

type Match = {
  isExact: boolean;
  secret: MeantSecret;
  change: BodyChange | undefined;
  header: Check | undefined;
};

/** Finds the secret and the body for which the signature would match: the difference is the cause. */
function findMatch(request: Examined, secrets: readonly MeantSecret[]): Match | undefined {
  const [id = ""] = request.headers["webhook-id"] ?? [];
  const [timestamp = ""] = request.headers["webhook-timestamp"] ?? [];
  const contentLength = lengthOf(request);
  const given = (request.headers["webhook-signature"] ?? []).join(" ");
  const bodies = [
    { body: request.body, change: undefined },
    ...bodyChanges.flatMap((change) => {
      const body = change.undo(request.body, contentLength);
      return body === undefined ? [] : [{ body, change }];
    }),
  ];
  for (const { body, change } of bodies) {
    for (const secret of secrets) {
      const expected = signatureOf(secret, id, timestamp, body);
      if (expected === undefined) continue;
      if (given.split(" ").includes(expected)) {
        const isExact = change === undefined && secret.says === "";
        return { isExact, secret, change, header: undefined };
      }
      const header = changedSignature(given, expected);
      if (header !== undefined) return { isExact: false, secret, change, header };
    }
  }
  return undefined;
}

function signatureOf(
  { bytes }: MeantSecret,
  id: string,
  timestamp: string,
  body: Buffer,
): string | undefined {
  try {
    return sign(bytes, id, Number(timestamp), body);
  } catch {
    return undefined;
  }
}

/** Recognises a signature that a proxy, a log or a shell has changed. */
function changedSignature(given: string, expected: string): Check | undefined {
  const [, base64 = ""] = expected.split(",");
  const hex = Buffer.from(base64, "base64").toString("hex");
  const ways: readonly [says: string, isSo: boolean][] = [
    ["lacks v1, at its beginning", given === base64],
    ["is in quotes", given.replace(/^["']|["']$/g, "") === expected],
    [
      "has blanks in place of +",
      base64.includes("+") && given.replaceAll(" ", "+").includes(expected),
    ],
    [
      "is written in the base64 of URLs, with - and _, or lacks = at its end",
      given.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "") ===
        expected.replace(/=+$/, ""),
    ],
    ["is written in hex and not in base64", given.toLowerCase().replace(/^v1,/, "") === hex],
  ];
  const [way] = ways.find(([, isSo]) => isSo) ?? [];
  return way === undefined
    ? undefined
    : failed("headers", `webhook-signature ${way}`, "pass the header on as it came");
}

function timestampCheck({ headers, nowMs, ignoreAge }: Examined): Check[] {
  const [timestamp] = headers["webhook-timestamp"] ?? [];
  if (timestamp === undefined) return [];
  if (!/^\d{1,12}$/.test(timestamp)) {
    return [
      failed(
        "timestamp",
        "is no whole number of seconds since 1970",
        "pass the header on as it came",
      ),
    ];
  }
  const ageSeconds = Math.floor(nowMs / 1_000) - Number(timestamp);
  const age = durationOf(Math.abs(ageSeconds) * 1_000);
  if (ageSeconds < -toleranceSeconds) {
    return [failed("timestamp", `is ${age} in the future`, "set the clock of this machine")];
  }
  if (ageSeconds <= toleranceSeconds) {
    return [held("timestamp", `holds (${ageSeconds < 0 ? `${age} ahead` : `${age} old`})`)];
  }
  if (ignoreAge) return [held("timestamp", `is ${age} old, which you asked to ignore`)];
  return [
    failed(
      "timestamp",
      `is too old: ${age}, and five minutes are allowed`,
      "verify a request when it comes, or look at a kept one with --ignore-age",
    ),
  ];
}

function bodyCheck(request: CapturedRequest, change: BodyChange | undefined): Check {
  const value = parseJson(request.body.toString("utf8").replace(/^\ufeff/, ""));
  const size = `${request.body.length} bytes, ${value === undefined ? "not JSON" : "valid JSON"}`;
  const length = lengthOf(request);
  const cut =
    length !== undefined && length > request.body.length
      ? `${size}, but cut off: Content-Length says ${length} bytes`
      : undefined;
  if (change !== undefined) return failed("body", `${size}, but ${change.says}`, change.mend);
  if (cut !== undefined) return failed("body", cut, "keep the body to its end");
  if (isReordered(value)) {
    return failed(
      "body",
      `${size}, but re-encoded: the order of its members is not ours`,
      "verify the raw body, before any JSON parser",
    );
  }
  return value === undefined
    ? failed("body", size, "keep the body as it came: every one of ours is JSON")
    : held("body", size);
}

/** Checks the contracts' own signatures: each has its own secret and covers only the body. */
async function otherSignatures({ headers, body, secrets }: Examined): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [name, values] of Object.entries(headers)) {
    if (!/^x-.*-signature$/.test(name)) continue;
    const results = await Promise.all(
      secrets.map((secret) => verifyBody(body, values.length === 1 ? values[0] : values, secret)),
    );
    checks.push(
      results.includes(true)
        ? held("other_signature", `${name} matches under this secret`)
        : failed("other_signature", `${name} ${otherwise(name)}`),
    );
  }
  return checks;
}

const otherwise = (name: string): string =>
  name === "x-webhook-signature"
    ? "is made with the webhook's own secret, and not with this one"
    : "does not match under this secret";

/** The advice when no known change explains the failure. */
function unexplained(request: Examined, others: readonly Check[]): Check[] {
  if (others.some(({ holds }) => holds)) {
    return [
      failed(
        "headers",
        "the body is as it was signed, so webhook-id, webhook-timestamp or webhook-signature was changed",
        "pass the headers on as they came",
      ),
    ];
  }
  return [
    failed(
      "secret",
      request.secrets.length === 1
        ? "is that of another endpoint, or was rotated away"
        : "none of them is that of this endpoint",
      `${seeSecret}; if it is the right one, the body was changed in a way that cannot be told`,
    ),
  ];
}

const lengthOf = ({ headers }: CapturedRequest): number | undefined => {
  const [text = ""] = headers["content-length"] ?? [];
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
};

const held = (check: Check["check"], says: string): Check => ({
  check,
  holds: true,
  says,
  mend: null,
});

const failed = (check: Check["check"], says: string, mend: string | null = null): Check => ({
  check,
  holds: false,
  says,
  mend,
});
