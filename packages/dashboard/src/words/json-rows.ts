/** One line of a JSON tree. `path` is a JSON pointer; `size` counts the members of an object or a list. */
export type JsonRow = {
  path: string;
  depth: number;
  name: string;
  value: unknown;
  kind: "object" | "list" | "string" | "number" | "boolean" | "null";
  size: number;
  open: boolean;
};

/** Objects and lists with more members than this are closed at first. */
const openMax = 100;
const openDepth = 4;

/** The state that decides which lines are shown: what the viewer opened or closed, and the search. */
export type JsonView = { toggled: ReadonlySet<string>; reveal: ReadonlySet<string> };

/** Lists the shown lines of a JSON object or list. */
export function jsonRows(root: unknown, { toggled, reveal }: JsonView): JsonRow[] {
  const rows: JsonRow[] = [];
  const walk = (value: unknown, path: string, name: string, depth: number): void => {
    const members = membersOf(value);
    const size = members?.length ?? 0;
    const usual = depth < openDepth && size <= openMax;
    const open = members !== undefined && (reveal.has(path) || usual !== toggled.has(path));
    rows.push({ path, depth, name, value, kind: kindOf(value), size, open });
    if (!open) return;
    for (const [key, member] of members) walk(member, pointer(path, key), key, depth + 1);
  };
  // The outermost value is not a line; its members are.
  for (const [key, member] of membersOf(root) ?? []) walk(member, pointer("", key), key, 0);
  return rows;
}

/** The search's result: the paths with the text in a name or a value, and the paths that must be open to show them. */
export type JsonFound = { paths: readonly string[]; reveal: ReadonlySet<string> };

/** The most matches that are shown. */
const foundMax = 1_000;

/** Finds a text in the names and values of a JSON value, whatever its case. */
export function findInJson(root: unknown, text: string): JsonFound {
  const sought = text.trim().toLowerCase();
  const paths: string[] = [];
  const reveal = new Set<string>();
  if (sought === "") return { paths, reveal };
  const walk = (value: unknown, path: string, name: string, above: readonly string[]): void => {
    if (paths.length >= foundMax) return;
    const members = membersOf(value);
    const says = members === undefined ? String(value) : "";
    if (name.toLowerCase().includes(sought) || says.toLowerCase().includes(sought)) {
      paths.push(path);
      for (const one of above) reveal.add(one);
    }
    for (const [key, member] of members ?? []) {
      walk(member, pointer(path, key), key, [...above, path]);
    }
  };
  walk(root, "", "", []);
  return { paths, reveal };
}

function membersOf(value: unknown): [string, unknown][] | undefined {
  if (Array.isArray(value)) return value.map((member, index) => [String(index), member]);
  return typeof value === "object" && value !== null ? Object.entries(value) : undefined;
}

const pointer = (path: string, key: string): string =>
  `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

function kindOf(value: unknown): JsonRow["kind"] {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  const kind = typeof value;
  return kind === "string" || kind === "number" || kind === "boolean" ? kind : "object";
}

/** Parses a body; undefined when it is not JSON. */
export function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
