import type { SeenAnswer } from "../domain/outcome.ts";
import { ResponseBody } from "./response-body.ts";

const bytesKeptMax = 65_536;

/**
 * Keeps the bytes of an answer until its head is complete, for answers whose head never is.
 *
 * The parser discards its bytes when it meets an error. This class holds references and copies nothing, because nearly
 * every head arrives complete and valid.
 */
export class AnswerStart {
  #chunks: Buffer[] = [];
  #length = 0;
  #watching = false;

  /** Begins with a request. */
  begin() {
    this.#chunks = [];
    this.#length = 0;
    this.#watching = true;
  }

  add(chunk: Buffer) {
    if (!this.#watching || this.#length >= bytesKeptMax) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Forgets everything: the head is complete, and the parser reads the rest. */
  end() {
    this.#chunks = [];
    this.#watching = false;
  }

  /** The status line's code and what followed the head; undefined when there was no status line of a final answer. */
  read(): (SeenAnswer & { twoLengths: boolean }) | undefined {
    const bytes = Buffer.concat(this.#chunks);
    const text = bytes.toString("latin1");
    const start = /^(?:HTTP\/1\.[01] 1(?!01)\d\d[\s\S]*?\r?\n\r?\n)*/.exec(text)?.[0].length ?? 0;
    const status = /^HTTP\/1\.[01] ([1-9]\d\d)(?!\d)/.exec(text.slice(start))?.[1];
    if (status === undefined) return undefined;
    const length = /\r?\n\r?\n/.exec(text.slice(start));
    const headEnd = length ? start + length.index + length[0].length : text.length;
    const head = text.slice(start, headEnd);
    const body = new ResponseBody(/^content-encoding:[ \t]*([^\r\n]*)/im.exec(head)?.[1]);
    body.add(bytes.subarray(headEnd));
    return {
      status: Number(status),
      body: body.read(false).text,
      twoLengths: /^content-length[ \t]*:/im.test(head) && /^transfer-encoding[ \t]*:/im.test(head),
    };
  }
}
