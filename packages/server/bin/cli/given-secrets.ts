import { decodeSecret } from "@postrider/sdk/sign";
import type { CapturedRequest } from "./request-text.ts";

/** A possible meaning of a given secret, and what was wrong with the given form. */
export type MeantSecret = { bytes: Buffer; says: string; mend: string };

const seeIt = "postrider endpoints show <endpoint> --secret";

/** Reads a secret as it is, and in its other possible meanings; without any, the reason why it is invalid. */
export function meantSecrets(
  given: string,
  { headers }: CapturedRequest,
): { secrets: readonly MeantSecret[] } | { says: string; mend: string } {
  const whole = bytesOf(given);
  if (whole !== undefined) return { secrets: [{ bytes: whole, says: "", mend: "" }] };
  const foreign = foreignKind(given, headers);
  if (foreign !== undefined) return foreign;
  const secrets = mistakes.flatMap(({ undo, says, mend }) => {
    const bytes = bytesOf(undo(given));
    return bytes === undefined ? [] : [{ bytes, says, mend }];
  });
  if (secrets.length > 0) return { secrets };
  return {
    says: "is no signing secret: one is whsec_ and base64 of 24 to 64 bytes",
    mend: `see it with ${seeIt}`,
  };
}

const bare = (text: string) =>
  text
    .trim()
    .replace(/^["'`]+|["'`]+$/g, "")
    .replace(/^(?:v1,)?(?:whsec_)?/, "");
const padded = (text: string) => text + "=".repeat((4 - (text.length % 4)) % 4);

const mistakes: readonly { undo(text: string): string; says: string; mend: string }[] = [
  {
    undo: (text) => text.trim(),
    says: "has a blank or line break around it",
    mend: "trim it",
  },
  {
    undo: (text) => text.trim().replace(/^["'`]+|["'`]+$/g, ""),
    says: "has quotes around it",
    mend: "take the quotes away",
  },
  {
    undo: (text) => `whsec_${bare(text)}`,
    says: "lacks whsec_ at its beginning",
    mend: "keep it as it is shown, whsec_ included",
  },
  {
    undo: (text) => `whsec_${padded(bare(text).replace(/=+$/, ""))}`,
    says: "lacks = at its end",
    mend: "keep it as it is shown, to the last =",
  },
  {
    undo: (text) =>
      `whsec_${padded(bare(text).replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""))}`,
    says: "is written in the base64 of URLs, with - and _",
    mend: "keep it as it is shown, with + and /",
  },
  {
    undo: (text) => `whsec_${padded(bare(text).replaceAll(" ", "+").replace(/=+$/, ""))}`,
    says: "has blanks in place of +",
    mend: "keep it as it is shown: something has read it as a form or a URL",
  },
];

/** Other kinds of secrets that are not signing secrets. */
function foreignKind(given: string, headers: CapturedRequest["headers"]) {
  const text = given.trim();
  if (/^prk_/.test(text)) {
    return { says: "is an API key", mend: `give the endpoint's signing secret, see ${seeIt}` };
  }
  if (headers.authorization?.some((value) => value === `Bearer ${text}`)) {
    return {
      says: "is the bearer token, which stands in Authorization as it is",
      mend: `give the endpoint's signing secret, see ${seeIt}`,
    };
  }
  const plain = Object.entries(headers).find(
    ([name, values]) => name.endsWith("-secret") && values.includes(text),
  );
  if (plain === undefined) return undefined;
  return {
    says: `is the one that stands in ${plain[0]} as it is: that header holds`,
    mend: `for webhook-signature give the signing secret, see ${seeIt}`,
  };
}

function bytesOf(secret: string): Buffer | undefined {
  try {
    return decodeSecret(secret);
  } catch {
    return undefined;
  }
}
