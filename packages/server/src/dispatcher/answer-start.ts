import type { SeenAnswer } from "../domain/outcome.ts";
import { ResponseBody } from "./response-body.ts";

const bytesKeptMax = 65_536;
/** Empty lines and interim answers. */
const passedOver = /^(?:\r?\n|HTTP\/[12]\.[01] 1(?!01)\d\d[\s\S]*?\r?\n\r?\n)*/;

/** Keeps the bytes of an answer whose head is not complete: nearly every head arrives complete and valid. */
export class AnswerStart {
  #chunks: Buffer[] = [];
  #length = 0;

  add(chunk: Buffer) {
    if (this.#length >= bytesKeptMax) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  clear() {
    if (this.#length === 0) return;
    this.#chunks = [];
    this.#length = 0;
  }

  /** The status line's code and what followed the head; undefined when there was no status line of a final answer. */
  read(): SeenAnswer | undefined {
    if (this.#length === 0) return undefined;
    const bytes = Buffer.concat(this.#chunks);
    const text = bytes.toString("latin1");
    const start = passedOver.exec(text)?.[0].length ?? 0;
    const status = /^HTTP\/[12]\.[01] ([1-9]\d\d)(?!\d)/.exec(text.slice(start))?.[1];
    if (status === undefined) return undefined;
    const length = /\r?\n\r?\n/.exec(text.slice(start));
    const headEnd = length ? start + length.index + length[0].length : text.length;
    const head = text.slice(start, headEnd);
    const body = new ResponseBody(/^content-encoding:[ \t]*([^\r\n]*)/im.exec(head)?.[1]);
    body.add(bytes.subarray(headEnd));
    return { status: Number(status), body: body.read(false).text };
  }
}
