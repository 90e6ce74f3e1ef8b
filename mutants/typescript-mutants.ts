import type { Mutant } from "./mutant.ts";
import { isNode, type Node, parse, walk } from "./syntax.ts";

type Change = { at: Node; replacement: string; kind: string };
type Text = (node: Node) => string;
type Operator = (node: Node, text: Text, parent: Node | undefined) => Change[];

/** Each operator with what takes its place, and what that is called. */
const swaps: Readonly<Record<string, readonly [string, string]>> = {
  "===": ["!==", "comparison negated"],
  "!==": ["===", "comparison negated"],
  "<": ["<=", "boundary moved"],
  "<=": ["<", "boundary moved"],
  ">": [">=", "boundary moved"],
  ">=": [">", "boundary moved"],
  "+": ["-", "arithmetic"],
  "-": ["+", "arithmetic"],
  "*": ["/", "arithmetic"],
  "/": ["*", "arithmetic"],
  "&&": ["||", "and ↔ or"],
  "||": ["&&", "and ↔ or"],
};

const isText = (node: unknown): boolean =>
  isNode(node) &&
  (node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node.value === "string"));

/** The operator between two operands: found in the source, as its place is in no node. */
const swapOperator: Operator = (node, text) => {
  if (!/^(?:Binary|Logical)Expression$/.test(node.type)) return [];
  const [left, right] = [node.left as Node, node.right as Node];
  const swap = swaps[String(node.operator)];
  // What joins texts is no arithmetic.
  if (!swap || (node.operator === "+" && (isText(left) || isText(right)))) return [];
  const between = { ...node, start: left.end, end: right.start };
  const [other, kind] = swap;
  // What is measured by a clock that counts fractions is never exactly a bound.
  if (kind === "boundary moved" && text(node).includes("performance.now()")) return [];
  return [{ at: between, replacement: text(between).replace(String(node.operator), other), kind }];
};

const leaves = /^(?:Return|Throw|Continue|Break)Statement$/;

/** Says whether an `if` only turns something away. */
function isGuard(node: Node): boolean {
  if (node.type !== "IfStatement" || isNode(node.alternate)) return false;
  const { type, body } = node.consequent as Node;
  if (leaves.test(type)) return true;
  const statements = Array.isArray(body) ? (body as Node[]) : [];
  return statements.length === 1 && leaves.test(statements[0]?.type ?? "");
}

const removeGuard: Operator = (node) =>
  isGuard(node) ? [{ at: node, replacement: ";", kind: "guard removed" }] : [];

/** Conditions whose negation no other operator makes. */
const negateCondition: Operator = (node, text) => {
  if (!/^(?:IfStatement|ConditionalExpression|WhileStatement)$/.test(node.type)) return [];
  const test = node.test as Node;
  const negatedElsewhere =
    isGuard(node) ||
    (test.type === "UnaryExpression" && test.operator === "!") ||
    (test.type === "BinaryExpression" && /^[!=]==$/.test(String(test.operator)));
  if (negatedElsewhere) return [];
  return [{ at: test, replacement: `!(${text(test)})`, kind: "condition negated" }];
};

const dropNot: Operator = (node, text) =>
  node.type === "UnaryExpression" && node.operator === "!"
    ? [{ at: node, replacement: `(${text(node.argument as Node)})`, kind: "condition negated" }]
    : [];

const effects = /^(?:CallExpression|AssignmentExpression|UpdateExpression)$/;

/** Statements that do something and are missed only for it. */
const removeStatement: Operator = (node) => {
  if (node.type !== "ExpressionStatement") return [];
  const expression = node.expression as Node;
  const { type } =
    expression.type === "AwaitExpression" ? (expression.argument as Node) : expression;
  return effects.test(type) ? [{ at: node, replacement: ";", kind: "statement removed" }] : [];
};

/** Says whether a value is written as numbers alone, such as 16 * 1024 * 1024. */
const isNumber = (node: Node): boolean =>
  (node.type === "Literal" && typeof node.value === "number") ||
  (node.type === "BinaryExpression" && isNumber(node.left as Node) && isNumber(node.right as Node));

/** A number that has a name is a bound or a pace: off by one it is as good as before, ten times as large it is not. */
const moveNamed: Operator = (node, text, parent) =>
  isNamedNumber(node, parent)
    ? [{ at: node.init, replacement: `10 * (${text(node.init)})`, kind: "bound moved far" }]
    : [];

/** Says whether a node names a number for good; 0 is where a count begins. */
const isNamedNumber = (node: Node, parent: Node | undefined): node is Node & { init: Node } =>
  node.type === "VariableDeclarator" &&
  parent?.kind === "const" &&
  isNode(node.init) &&
  isNumber(node.init) &&
  node.init.value !== 0;

/** Where a literal is no name of a member. */
const isKey = (node: Node, parent: Node | undefined): boolean =>
  parent !== undefined && parent.key === node && parent.computed !== true;

const changeLiteral: Operator = (node, text, parent) => {
  if (node.type !== "Literal" || isKey(node, parent)) return [];
  if (typeof node.value === "boolean") {
    return [{ at: node, replacement: String(!node.value), kind: "constant changed" }];
  }
  if (typeof node.value === "number") {
    return [{ at: node, replacement: `(${text(node)} + 1)`, kind: "constant moved" }];
  }
  // A word is a name among others; a sentence is for people.
  const isWord = typeof node.value === "string" && /^[a-z][\w.:-]*$/i.test(node.value);
  return isWord && parent?.type !== "ImportExpression"
    ? [{ at: node, replacement: '"mutant"', kind: "word changed" }]
    : [];
};

const swapBound: Operator = (node, text) => {
  if (node.type !== "MemberExpression" || !/^Math\.(?:min|max)$/.test(text(node))) return [];
  const other = text(node) === "Math.min" ? "Math.max" : "Math.min";
  return [{ at: node, replacement: other, kind: "min ↔ max" }];
};

const operators: readonly Operator[] = [
  moveNamed,
  swapOperator,
  removeGuard,
  negateCondition,
  dropNot,
  removeStatement,
  changeLiteral,
  swapBound,
];

/** Makes every fault that the operators know in a TypeScript file; SQL in it is another's. */
export function typescriptMutants(file: string, source: string): Mutant[] {
  const mutants: Mutant[] = [];
  const text: Text = ({ start, end }) => source.slice(start, end);
  walk(parse(source), (node, parent) => {
    if (/^(?:ImportDeclaration|ExportAllDeclaration|TaggedTemplateExpression)$/.test(node.type)) {
      return false;
    }
    if (node.type === "ExportNamedDeclaration" && isNode(node.source)) return false;
    for (const operator of operators) {
      for (const { at, replacement, kind } of operator(node, text, parent)) {
        mutants.push({ file, start: at.start, end: at.end, replacement, kind });
      }
    }
    // What is moved as a whole is not moved piece by piece.
    return !isNamedNumber(node, parent);
  });
  return mutants;
}
