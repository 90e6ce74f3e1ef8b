/** A captured request; header names are in lower case, and a header that occurs twice has both values. */
export type CapturedRequest = { headers: Record<string, string[]>; body: Buffer };

/** A text that is not an HTTP request. The message says what is wrong with it. */
export class RequestTextError extends Error {}

/** Reads an HTTP request as text: a request line or none, headers, an empty line, and the body byte for byte. */
export function parseRequest(bytes: Buffer): CapturedRequest {
  const { head, body } = split(bytes);
  const lines = head.split(/\r?\n/).filter((line) => line !== "");
  const [first = ""] = lines;
  const isRequestLine = /^[A-Z]+ \S+(?: HTTP\/[\d.]+)?$/.test(first);
  const headers = headersOf(isRequestLine ? lines.slice(1) : lines);
  if (Object.keys(headers).length === 0) {
    throw new RequestTextError(
      "There are no headers in it. A request begins with its headers, one a line, then an empty line, then the body.",
    );
  }
  return { headers, body };
}

/** Reads headers as lines of `Name: value`. */
export function headersOf(lines: readonly string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    // curl -v and tcpdump mark sent lines in this way.
    const [, name, value = ""] = /^(?:[<>] )?([^\s:]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) {
      throw new RequestTextError('A line of the headers is not "Name: value".');
    }
    const key = name.toLowerCase();
    headers[key] = [...(headers[key] ?? []), value];
  }
  return headers;
}

/** The head ends with the first empty line; the body keeps its own line ends. */
function split(bytes: Buffer): { head: string; body: Buffer } {
  const ends = ["\r\n\r\n", "\n\n"]
    .map((end) => ({ at: bytes.indexOf(end), length: end.length }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at);
  const [end] = ends;
  if (end === undefined) {
    throw new RequestTextError(
      "There is no empty line in it, so the body cannot be told from the headers.",
    );
  }
  return {
    head: bytes.subarray(0, end.at).toString("utf8"),
    body: bytes.subarray(end.at + end.length),
  };
}
