import { isFunction, isNode, type Node, parse, walk } from "./syntax.ts";

/** The name of a function: its file, and where it begins there. */
export const functionName = (file: string, node: Node): string => `${file}#${node.start}`;

/** The name of what a file does when it is loaded. */
const loading = (file: string): string => `${file}#loading`;

/** Puts a probe into every function of a file, which notes that it ran: so it is known which tests get where. */
export function probed(file: string, source: string): string {
  const insertions: { at: number; text: string }[] = [];
  walk(parse(source), (node) => {
    if (!isFunction(node)) return true;
    const body = node.body as Node;
    const note = noteOf(functionName(file, node));
    if (body.type === "BlockStatement") insertions.push({ at: body.start + 1, text: `${note};` });
    else {
      insertions.push({ at: body.start, text: `(${note}, ` }, { at: body.end, text: ")" });
    }
    return true;
  });
  insertions.push({ at: source.length, text: `\n${noteOf(loading(file))};\n` });
  return insertions
    .map((one, order) => ({ ...one, order }))
    .sort((a, b) => b.at - a.at || a.order - b.order)
    .reduce((text, { at, text: more }) => text.slice(0, at) + more + text.slice(at), source);
}

const noteOf = (name: string): string => `globalThis.__reached?.add(${JSON.stringify(name)})`;

/** The innermost function around a place; what is in none runs when the file is loaded. */
export function functionAround(file: string, source: string, at: number): string {
  let around = loading(file);
  walk(parse(source), (node) => {
    if (at < node.start || at >= node.end) return false;
    if (isFunction(node) && isNode(node.body) && at >= node.body.start) {
      around = functionName(file, node);
    }
    return true;
  });
  return around;
}
