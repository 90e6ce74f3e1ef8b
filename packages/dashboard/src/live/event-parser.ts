/** One server-sent event; `id` is the place to go on from. */
export type ServerEvent = { event: string; data: string; id: string };

/**
 * Reads server-sent events (WHATWG HTML, section 9.2) out of pieces of text, however they are cut.
 *
 * Gives the function that takes the next piece. Comments, which keep a connection alive, are passed over.
 */
export function openEventParser(onEvent: (event: ServerEvent) => void): (text: string) => void {
  let rest = "";
  let event = "";
  let data: string[] = [];
  let id = "";
  const take = (line: string): void => {
    if (line === "") {
      if (data.length > 0) onEvent({ event: event || "message", data: data.join("\n"), id });
      event = "";
      data = [];
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") event = value;
    else if (name === "data") data.push(value);
    else if (name === "id") id = value;
  };
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  };
}
