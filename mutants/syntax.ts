import { parseAst } from "vitest/node";

/** A node of a syntax tree; which other members it has follows from its type. */
export type Node = { type: string; start: number; end: number; [member: string]: unknown };

/** Reads TypeScript; throws where it is none. TypeScript 7 has no API for this: Vitest's own parser does. */
export const parse = (source: string): Node => parseAst(source, { lang: "ts" }) as unknown as Node;

/** Wrappers that are types only for a part of what they hold. */
const typed = ["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"];

/** Visits the nodes that run, parents first; what `visit` answers with false is not looked into. Types are left out. */
export function walk(
  node: Node,
  visit: (node: Node, parent?: Node) => boolean,
  parent?: Node,
): void {
  if (typed.includes(node.type)) {
    walk(node.expression as Node, visit, parent);
    return;
  }
  if (node.type.startsWith("TS") || !visit(node, parent)) return;
  for (const child of Object.values(node).flat()) {
    if (isNode(child)) walk(child, visit, node);
  }
}

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** A function with a body of its own. */
export const isFunction = (node: Node): boolean =>
  /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type) &&
  isNode(node.body);
