import { createHash, randomBytes } from "node:crypto";

/** The kinds of tokens: a session of the dashboard or of the portal, or a link that opens one. */
const prefixes = { dashboard: "prs", portal: "pps", login: "prl", portalLink: "ppl" } as const;
type TokenKind = keyof typeof prefixes;

/** Makes a token of 256 random bits. The text is given out once; only its SHA-256 is stored. */
export function newToken(kind: TokenKind): { text: string; sha256: Buffer } {
  const text = `${prefixes[kind]}_${randomBytes(32).toString("base64url")}`;
  return { text, sha256: sha256(text) };
}

/** Hashes a token as it is stored; undefined when the text does not have the form of this kind. */
export function hashOfToken(kind: TokenKind, text: string): Buffer | undefined {
  const isToken = text.startsWith(`${prefixes[kind]}_`) && /^[a-z]{3}_[\w-]{43}$/.test(text);
  return isToken ? sha256(text) : undefined;
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
