/** One server-sent event; `id`: the position to continue from. */
export type ServerEvent = { event: string; data: string; id: string };

/**
 * Parses server-sent events (WHATWG HTML, section 9.2) from pieces of text, wherever these are cut.
 *
 * Returns the function that takes the next piece. Comments, which keep a connection alive, are ignored.
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
