/** A change of a body before its verification, and how to undo it. */
export type BodyChange = {
  /** The change, as the end of a sentence "… but". */
  says: string;
  mend: string;
  /** The body before the change; undefined if the change is impossible. */
  undo(body: Buffer, contentLength: number | undefined): Buffer | undefined;
};

const rawBody = "verify the raw body, before any JSON parser";

/** Changes by frameworks, editors and shells, the most likely first. */
export const bodyChanges: readonly BodyChange[] = [
  {
    says: "a line break was added at its end",
    mend: "write it without one, as with printf or curl --data-binary",
    undo: (body) =>
      onText(body, (text) => (/\n$/.test(text) ? text.replace(/(?:\r?\n)+$/, "") : undefined)),
  },
  {
    says: "its beginning or end was cut off or added to: Content-Length gives another size",
    mend: "keep as many bytes as Content-Length says",
    undo: (body, length) =>
      length !== undefined && length < body.length ? body.subarray(0, length) : undefined,
  },
  {
    says: "its line breaks are CRLF now",
    mend: "keep the bytes as they are: no conversion of line breaks",
    undo: (body) =>
      onText(body, (text) => (text.includes("\r\n") ? text.replaceAll("\r\n", "\n") : undefined)),
  },
  {
    says: "a byte order mark was put before it",
    mend: "write it as UTF-8 without a byte order mark",
    undo: (body) =>
      body.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? body.subarray(3) : undefined,
  },
  {
    says: "pretty-printed: it has line breaks and blanks between its members",
    mend: rawBody,
    undo: (body) =>
      onJson(body, (value, text) => (/[{[]\s*\n/.test(text) ? JSON.stringify(value) : undefined)),
  },
  {
    says: "re-encoded: blanks, escapes or numbers are written in another way than ours",
    mend: rawBody,
    undo: (body) => onJson(body, (value) => JSON.stringify(value)),
  },
  {
    says: "encoded twice: it is a JSON text inside a JSON text",
    mend: "verify the body as it came, before it is put into JSON",
    undo: (body) => onJson(body, (value) => (typeof value === "string" ? value : undefined)),
  },
  {
    says: "base64, as some gateways hand it over",
    mend: "decode the base64 first, and verify the bytes that come of it",
    undo: (body) =>
      onText(body, (text) =>
        /^[A-Za-z0-9+/]{16,}={0,2}\s*$/.test(text) ? Buffer.from(text, "base64") : undefined,
      ),
  },
  {
    says: "its characters were read as Latin-1 and written as UTF-8",
    mend: "read it as bytes, or as UTF-8",
    undo: (body) =>
      onText(body, (text) =>
        /[\u0080-\u00ff]/.test(text) ? Buffer.from(text, "latin1") : undefined,
      ),
  },
];

function onText(body: Buffer, change: (text: string) => string | Buffer | undefined) {
  const changed = change(body.toString("utf8"));
  return changed === undefined ? undefined : Buffer.from(changed as string);
}

function onJson(
  body: Buffer,
  change: (value: unknown, text: string) => string | undefined,
): Buffer | undefined {
  return onText(body, (text) => {
    const value = parseJson(text);
    return value === undefined ? undefined : change(value, text);
  });
}

/** Parses JSON; undefined when it is invalid. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Says whether the members of a service's body are in another order than the service writes them. */
export function isReordered(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { message } = value as { message?: unknown };
  if (typeof message === "object" && message !== null && "type" in message) {
    return Object.keys(message)[0] !== "type";
  }
  return "event_id" in value && Object.keys(value)[0] !== "event_id";
}
