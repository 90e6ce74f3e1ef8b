const bytesReadMax = 65_536;
const bytesKeptMax = 16_384;

/** The part of a response body that is kept: its first bytes, as text without U+0000 and invalid characters. */
export class ResponseBody {
  readonly #contentEncoding: string | undefined;
  #bytesRead = 0;
  #kept: Buffer | undefined;
  #keptCount = 0;

  /** Begins an empty body; `contentEncoding` (the header's value, if any) is never decoded. */
  constructor(contentEncoding: string | undefined) {
    this.#contentEncoding = contentEncoding;
  }

  /** Takes the next bytes; false when the receiver has sent more than it may. */
  add(chunk: Buffer): boolean {
    this.#bytesRead += chunk.length;
    if (this.#kept === undefined) {
      this.#kept = chunk;
      this.#keptCount = Math.min(chunk.length, bytesKeptMax);
    } else if (this.#keptCount < bytesKeptMax) {
      // Copied, because each of a thousand one-byte chunks would keep the socket's buffer in memory.
      if (this.#kept.length < bytesKeptMax) this.#kept = enlarge(this.#kept);
      const room = bytesKeptMax - this.#keptCount;
      this.#keptCount += chunk.copy(this.#kept, this.#keptCount, 0, room);
    }
    return this.#bytesRead <= bytesReadMax;
  }

  /** The text, at most 16 KiB of UTF-8; `truncated` if `complete` is false or bytes were dropped. */
  read(complete: boolean): { text: string; truncated: boolean } {
    const truncated = !complete || this.#bytesRead > bytesKeptMax;
    if (this.#kept === undefined) return { text: "", truncated };
    const contentEncoding = this.#contentEncoding;
    if (contentEncoding && contentEncoding.toLowerCase() !== "identity") {
      return { text: encodedMarker(contentEncoding), truncated };
    }
    const text = decode(this.#kept.subarray(0, this.#keptCount), truncated);
    // A replaced byte becomes three, so a binary body can exceed the limit again.
    if (Buffer.byteLength(text) <= bytesKeptMax) return { text, truncated };
    return { text: decode(Buffer.from(text).subarray(0, bytesKeptMax), true), truncated: true };
  }
}

function enlarge(kept: Buffer) {
  const larger = Buffer.allocUnsafeSlow(bytesKeptMax);
  kept.copy(larger);
  return larger;
}

/** Decodes UTF-8, with invalid bytes and U+0000 replaced; removes an incomplete last character of a cut text. */
function decode(bytes: Buffer, cut: boolean) {
  const text = cut
    ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true })
    : bytes.toString("utf8");
  return text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
}

function encodedMarker(contentEncoding: string) {
  const isToken = /^[\w.-]{1,20}$/.test(contentEncoding);
  return isToken ? `[${contentEncoding}-encoded body not shown]` : "[encoded body not shown]";
}
