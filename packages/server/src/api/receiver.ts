import Type from "typebox";
import {
  findHeaderFaults,
  headerNameLengthMax,
  headersMax,
  headerValueLengthMax,
} from "../domain/receiver-headers.ts";
import { parseTargetUrl, type TargetUrlPolicy } from "../domain/target-url.ts";
import { AppError } from "../errors.ts";
import { invalidRequest } from "./validation.ts";

type Loc = readonly (string | number)[];

/** The schema of a receiver's URL in a body; `receiverUrl` validates it. */
export const ReceiverUrl = Type.String({
  minLength: 1,
  maxLength: 2048,
  description:
    "An absolute https URL of a public host, without a fragment, a user name or a password.",
});

/** The schema of custom headers; `receiverHeaders` validates them. */
export const ReceiverHeaders = Type.Record(Type.String(), Type.String(), {
  published: {
    maxProperties: headersMax,
    patternProperties: {
      [`^[A-Za-z0-9][!#$%&'*+.^_\`|~0-9A-Za-z-]{0,${headerNameLengthMax - 1}}$`]: {
        type: "string",
        maxLength: headerValueLengthMax,
        pattern: "^[\\x21-\\x7e]([\\x09\\x20-\\x7e]*[\\x21-\\x7e])?$",
      },
    },
    additionalProperties: false,
    examples: [{ "x-team": "billing" }],
  },
  description:
    "Custom headers: at most 20, each value at most 4 KiB, all together at most 8 KiB. Names are tokens, values are printable ASCII. Reserved names are refused.",
});

const base64Letter = "[A-Za-z0-9+/]";
const oneByte = `${base64Letter}[AQgw]==`;
const twoBytes = `${base64Letter}{2}[AEIMQUYcgkosw048]=`;

/**
 * The schema of a signing secret that the caller brings: `whsec_` and strict base64 of 24 to 64 bytes, as `decodeSecret`
 * reads it. A pattern alone, so that no refusal quotes the secret.
 */
export const GivenSigningSecret = Type.String({
  maxLength: 94,
  pattern: `^whsec_((${base64Letter}{4}){8,20}(${twoBytes}|${oneByte})?|(${base64Letter}{4}){21}(${oneByte})?)$`,
  title: "whsec_ and base64 of 24 to 64 bytes",
  description:
    "The secret that requests are signed with, `whsec_` and base64 of 24 to 64 bytes, for receivers that know it already. Without it, a secret is generated. Write-only here: `/signing-secret` shows it.",
});

/** Gives a receiver's URL in its canonical spelling, or throws `url_refused`. */
export function receiverUrl(
  raw: string,
  policy: TargetUrlPolicy,
  loc: Loc = ["body", "url"],
): string {
  const target = parseTargetUrl(raw, policy);
  if (target.ok) return target.url;
  throw new AppError("url_refused", target.reason, [
    { loc: [...loc], msg: target.reason, type: target.code },
  ]);
}

/** Returns custom headers unchanged when all may be sent; otherwise throws a 422 that names those that may not, never a value. */
export function receiverHeaders(
  headers: Readonly<Record<string, string>>,
  { headerPrefix }: { headerPrefix: string },
  loc: Loc = ["body", "headers"],
): Readonly<Record<string, string>> {
  const faults = findHeaderFaults(Object.entries(headers), [], headerPrefix);
  if (faults.length === 0) return headers;
  throw invalidRequest(
    faults.map(({ name, code, reason }) => ({
      loc: name === null ? [...loc] : [...loc, name.slice(0, 64)],
      msg: reason,
      type: code,
    })),
  );
}
