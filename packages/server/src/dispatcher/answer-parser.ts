import {
  AnswerError,
  connectionClosed,
  headTooLarge,
  malformed,
  tooManyInterim,
  twoLengths,
  unwantedSwitch,
} from "./failures.ts";

/** What comes of an answer, in this order. */
export type AnswerEvents = {
  /** The head of the final answer. `headers`: names and values in turn, in latin1, as they were received. */
  onHeaders(status: number, headers: readonly string[]): void;
  onData(chunk: Buffer): void;
  onComplete(): void;
};

const headBytesMax = 16_384;
const interimMax = 100;
const keptMsDefault = 60_000;
const keptMsMax = 600_000;
/** Earlier than the receiver: otherwise it could close the connection while a request is on its way. */
const keptMarginMs = 2_000;
const lineFeed = 10;

/** What the line of a chunk's size may have freely. */
const sizeLineBytes = 16;

/** Nobody reads the reason. Some proxies write HTTP/2.0 in front of an answer that they received so; the rest is HTTP/1. */
const statusLine = /^HTTP\/(1\.1|1\.0|2\.0) ([1-9]\d\d)(?: [^\0\r]*)?$/;
const httpName = "HTTP/";
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valueText = /^[\t\x20-\x7e\x80-\xff]*$/;
const lengthDigits = /^0*\d{1,15}$/;
const chunkSize = /^0*([0-9a-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i;

/** The kinds of lines. */
type Line = "status" | "field" | "size" | "end of chunk" | "trailer";

/**
 * Reads the answer to one request after the other on a connection (RFC 9112), strictly: what two programs could read
 * differently is an error. What can be read in one way only is an answer, although it is not quite HTTP: zeros in front of
 * a length, any reason, empty lines before the status line.
 *
 * Interim answers are skipped, nothing is decompressed, trailers are dropped. Every line is limited by the 16 KiB of a head,
 * and so are the extensions of all chunks together.
 */
export class AnswerParser {
  /** Whether the head of the final answer is complete. */
  headIsComplete = false;
  /** When the answer is complete: milliseconds for which the connection may be kept; 0: it cannot carry another request. */
  keptMs = 0;

  #events: AnswerEvents | undefined;
  #isBodiless = false;
  #reading: "line" | "counted" | "endless" = "line";
  #expected: Line = "status";
  /** The beginning of a line whose end has not come. */
  #partial = "";
  /** Of this head, of this line of a chunk, or of these trailers. */
  #lineBytes = 0;
  #bytesLeft = 0;
  /** What the sizes of this answer's chunks have beyond `sizeLineBytes` each, together. */
  #extensionBytes = 0;
  #interimCount = 0;
  #isHttp11 = false;
  #status = 0;
  #headers: string[] = [];
  #contentLength = -1;
  #transferEncoding: string | undefined;
  #connection: string | undefined;
  #keepAlive: string | undefined;

  /** Begins with the next answer. `isBodiless`: the request was a HEAD. */
  begin(events: AnswerEvents, isBodiless: boolean) {
    this.headIsComplete = false;
    this.keptMs = 0;
    this.#events = events;
    this.#isBodiless = isBodiless;
    this.#reading = "line";
    this.#partial = "";
    this.#interimCount = 0;
    this.#extensionBytes = 0;
    this.#beginHead();
  }

  /** Reads nothing more. */
  stop() {
    this.#events = undefined;
  }

  /** Takes the next bytes. Throws `AnswerError` when they are no answer. */
  feed(chunk: Buffer) {
    let at = 0;
    while (this.#events && at < chunk.length) {
      if (this.#reading === "line") at = this.#readLine(chunk, at);
      else at = this.#readBody(chunk, at);
    }
  }

  /** The receiver ends the connection. Throws `AnswerError` when the answer is not complete. */
  end() {
    if (this.#reading !== "endless") throw new AnswerError(connectionClosed);
    this.#complete(0);
  }

  #readLine(chunk: Buffer, at: number): number {
    const feedAt = chunk.indexOf(lineFeed, at);
    const end = feedAt < 0 ? chunk.length : feedAt + 1;
    this.#lineBytes += end - at;
    if (this.#lineBytes > headBytesMax) throw new AnswerError(headTooLarge);
    const text = this.#partial + chunk.toString("latin1", at, end);
    if (this.#expected === "status") refuseOther(text);
    if (feedAt < 0) {
      this.#partial = text;
      return end;
    }
    this.#partial = "";
    const isEnded = text.endsWith("\r\n") || (this.#expected === "status" && text === "\n");
    if (!isEnded) throw new AnswerError(malformed("a line does not end in CR LF"));
    this.#takeLine(text.slice(0, -2), chunk.length - end);
    return end;
  }

  /** `rest`: bytes that have come behind the line. */
  #takeLine(line: string, rest: number) {
    switch (this.#expected) {
      case "status":
        return this.#takeStatus(line);
      case "field":
        return line === "" ? this.#takeHead(rest) : this.#takeField(line);
      case "size":
        return this.#takeSize(line);
      case "end of chunk":
        if (line !== "") throw new AnswerError(malformed("a chunk is longer than its size"));
        return this.#expect("size");
      case "trailer":
        if (line === "") return this.#complete(rest);
        splitField(line);
    }
  }

  #takeStatus(line: string) {
    // A few receivers end the answer before with an empty line too many.
    if (line === "") return;
    const found = statusLine.exec(line);
    if (!found) throw new AnswerError(malformed("an invalid status line"));
    this.#isHttp11 = found[1] === "1.1";
    this.#status = Number(found[2]);
    this.#expected = "field";
  }

  #takeField(line: string) {
    const colon = splitField(line);
    const name = line.slice(0, colon);
    const value = trimmed(line, colon + 1);
    this.#headers.push(name, value);
    // Few names are as long as those that matter here.
    if (name.length === 10) {
      const lower = name.toLowerCase();
      if (lower === "connection") this.#connection = joined(this.#connection, value);
      else if (lower === "keep-alive") this.#keepAlive = value;
    } else if (name.length === 14 && name.toLowerCase() === "content-length") {
      this.#takeLength(value);
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      this.#transferEncoding = joined(this.#transferEncoding, value);
    }
  }

  #takeLength(value: string) {
    if (!lengthDigits.test(value)) throw new AnswerError(malformed("an invalid Content-Length"));
    const length = Number(value);
    if (this.#contentLength >= 0 && this.#contentLength !== length) {
      throw new AnswerError(malformed("two Content-Lengths that differ"));
    }
    this.#contentLength = length;
  }

  /** The head is complete; RFC 9112 6.3 says how long the body is. */
  #takeHead(rest: number) {
    const status = this.#status;
    if (status < 200) {
      this.#interimCount += 1;
      if (status === 101) throw new AnswerError(unwantedSwitch);
      if (this.#interimCount > interimMax) throw new AnswerError(tooManyInterim);
      this.#beginHead();
      return;
    }
    const coded = this.#transferEncoding !== undefined;
    const length = this.#contentLength;
    if (coded && length >= 0) throw new AnswerError(twoLengths);
    const isChunked = coded && /(?:^|,)[ \t]*chunked$/i.test(this.#transferEncoding ?? "");
    const isBodiless = this.#isBodiless || status === 204 || status === 304 || length === 0;
    // A 204 with a body (RFC 9110 15.3.5): it may come late, and would be read as the beginning of the next answer.
    const isForbidden = status === 204 && (coded || length > 0);
    const ends = isBodiless || isChunked || length > 0;
    if (ends && !isForbidden) this.keptMs = this.#mayBeKeptMs(coded);
    this.headIsComplete = true;
    this.#events?.onHeaders(status, this.#headers);
    if (isBodiless) return this.#complete(rest);
    if (isChunked) return this.#expect("size");
    this.#reading = length > 0 ? "counted" : "endless";
    this.#bytesLeft = length;
  }

  #takeSize(line: string) {
    const size = chunkSize.exec(line)?.[1];
    if (size === undefined) throw new AnswerError(malformed("an invalid size of a chunk"));
    this.#extensionBytes += Math.max(0, line.length - sizeLineBytes);
    if (this.#extensionBytes > headBytesMax) throw new AnswerError(headTooLarge);
    this.#bytesLeft = Number.parseInt(size, 16);
    if (this.#bytesLeft === 0) this.#expect("trailer");
    else this.#reading = "counted";
  }

  #readBody(chunk: Buffer, at: number): number {
    const here = chunk.length - at;
    const count = this.#reading === "endless" ? here : Math.min(here, this.#bytesLeft);
    this.#bytesLeft -= count;
    const end = at + count;
    this.#events?.onData(count === chunk.length ? chunk : chunk.subarray(at, end));
    if (this.#reading === "counted" && this.#bytesLeft === 0) {
      if (this.#expected === "size") this.#expect("end of chunk");
      else this.#complete(chunk.length - end);
    }
    return end;
  }

  /** `rest`: bytes behind the answer, which nobody asked for. */
  #complete(rest: number) {
    const events = this.#events;
    if (rest > 0) this.keptMs = 0;
    this.stop();
    events?.onComplete();
  }

  #beginHead() {
    this.#expect("status");
    this.#headers = [];
    this.#contentLength = -1;
    this.#transferEncoding = undefined;
    this.#connection = undefined;
    this.#keepAlive = undefined;
  }

  #expect(expected: Line) {
    this.#reading = "line";
    this.#expected = expected;
    this.#lineBytes = 0;
  }

  /** RFC 9112 9.3; `Keep-Alive: timeout=n` is the receiver's own limit in seconds. */
  #mayBeKeptMs(isCoded: boolean): number {
    const options = this.#connection?.toLowerCase() ?? "";
    const isKept = this.#isHttp11
      ? options === "" || !hasOption(options, "close")
      : !isCoded && hasOption(options, "keep-alive");
    if (!isKept) return 0;
    if (this.#keepAlive === undefined) return keptMsDefault;
    const seconds = /(?:^|[,;\s])timeout=(\d{1,9})/i.exec(this.#keepAlive)?.[1];
    if (seconds === undefined) return keptMsDefault;
    return Math.max(0, Math.min(Number(seconds) * 1_000 - keptMarginMs, keptMsMax));
  }
}

/** Fails at the first byte that is none of HTTP: who speaks another protocol may wait for an answer itself. */
function refuseOther(line: string) {
  if (line.startsWith(httpName) || httpName.startsWith(line)) return;
  if (line === "\r" || line === "\r\n" || line === "\n") return;
  throw new AnswerError(malformed("an invalid status line"));
}

/** Checks `name: value`; returns where the colon is. A line that continues the one before has no name (RFC 9112 5.2). */
function splitField(line: string): number {
  const colon = line.indexOf(":");
  if (colon < 0 || !token.test(line.slice(0, colon))) {
    throw new AnswerError(malformed("an invalid field name"));
  }
  if (!valueText.test(line)) throw new AnswerError(malformed("an invalid field value"));
  return colon;
}

function trimmed(line: string, from: number): string {
  let [start, end] = [from, line.length];
  while (start < end && isBlank(line, start)) start += 1;
  while (end > start && isBlank(line, end - 1)) end -= 1;
  return line.slice(start, end);
}

const isBlank = (line: string, at: number) => line[at] === " " || line[at] === "\t";

const joined = (before: string | undefined, value: string) =>
  before === undefined ? value : `${before}, ${value}`;

const hasOption = (options: string, option: string) =>
  options.split(",").some((one) => one.trim() === option);
