/** A column of a table. */
export type Column = {
  title: string;
  align?: "right";
  /** The width to which it may be cut on a narrow terminal. */
  min?: number;
  /** It is cut after the others, because its texts differ at their ends. */
  cutLast?: true;
  /** For ids: the number of last characters that are enough on a narrow terminal. */
  shortTo?: number;
  /** It is left out if the table still does not fit; the highest number first. */
  optional?: number;
};

/** A cell: plain text, or text with its colour. */
export type Cell = string | { text: string; paint: (text: string) => string };

const gap = "  ";

/** Makes the lines of a table, at most this many characters wide; colours have no width. */
export function layTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  widthMax = Number.POSITIVE_INFINITY,
): string[] {
  const whole = rows.map((row) => columns.map((_, index) => printable(textOf(row[index] ?? ""))));
  const texts = sum(widthsOf(columns, whole)) <= widthMax ? whole : shortened(columns, whole);
  const naturals = widthsOf(columns, texts);
  const shown = fit(columns, naturals, widthMax);
  const line = (cellOf: (index: number, width: number) => string) =>
    shown
      .map(({ index, width }) => cellOf(index, width))
      .join(gap)
      .trimEnd();
  const pad = (text: string, index: number, width: number) => {
    const cut = cutTo(text, width);
    const blanks = " ".repeat(Math.max(0, width - displayWidth(cut)));
    return columns[index]?.align === "right" ? blanks + cut : cut + blanks;
  };
  return [
    line((index, width) => pad(columns[index]?.title ?? "", index, width)),
    ...texts.map((row, at) =>
      line((index, width) => paintOf(rows[at]?.[index])(pad(row[index] ?? "", index, width))),
    ),
  ];
}

const widthsOf = (columns: readonly Column[], texts: readonly (readonly string[])[]): number[] =>
  columns.map(({ title }, index) =>
    texts.reduce(
      (most, row) => Math.max(most, displayWidth(row[index] ?? "")),
      displayWidth(title),
    ),
  );

const shortened = (
  columns: readonly Column[],
  texts: readonly (readonly string[])[],
): (readonly string[])[] =>
  texts.map((row) =>
    row.map((text, index) => text.slice(-(columns[index]?.shortTo ?? text.length) || undefined)),
  );

/** The width of columns together. */
const sum = (widths: readonly number[]): number =>
  widths.reduce((all, width) => all + width, gap.length * (widths.length - 1));

type Shown = { index: number; width: number };

/** Decides the columns and their widths: they are cut first, and left out if that is not enough. */
function fit(
  columns: readonly Column[],
  naturals: readonly number[],
  widthMax: number,
): readonly Shown[] {
  let shown: Shown[] = naturals.map((width, index) => ({ index, width }));
  for (;;) {
    const over = sum(shown.map(({ width }) => width)) - widthMax;
    if (over <= 0) return shown;
    const room = (one: Shown) => one.width - leastOf(columns[one.index], naturals[one.index] ?? 0);
    const spare = shown.reduce((all, one) => all + room(one), 0);
    if (spare >= over) {
      cutWidest(columns, shown, over, room);
      return shown;
    }
    const last = shown
      .filter(({ index }) => columns[index]?.optional !== undefined)
      .sort((a, b) => (columns[b.index]?.optional ?? 0) - (columns[a.index]?.optional ?? 0))[0];
    if (last === undefined) {
      cutWidest(columns, shown, spare, room);
      return shown;
    }
    shown = shown.filter((one) => one !== last);
  }
}

const leastOf = (column: Column | undefined, natural: number): number =>
  Math.min(natural, Math.max(column?.min ?? natural, displayWidth(column?.title ?? "")));

/** Cuts the widest columns that may still be cut, one character at a time. */
function cutWidest(
  columns: readonly Column[],
  shown: readonly Shown[],
  over: number,
  room: (one: Shown) => number,
): void {
  const lasts = (one: Shown) => (columns[one.index]?.cutLast ? 1 : 0);
  for (let left = over; left > 0; left--) {
    const [widest] = shown
      .filter((one) => room(one) > 0)
      .sort((a, b) => lasts(a) - lasts(b) || b.width - a.width);
    if (widest === undefined) return;
    widest.width--;
  }
}

const textOf = (cell: Cell): string => (typeof cell === "string" ? cell : cell.text);

const paintOf = (cell: Cell | undefined): ((text: string) => string) =>
  cell === undefined || typeof cell === "string" ? (text) => text : cell.paint;

/** Removes characters that move the cursor, colour the terminal or change the direction of writing. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "·");

const segments = new Intl.Segmenter();
/** East Asian wide characters and emoji take two places. */
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u;

const placesOf = (segment: string): number => (wide.test(segment) ? 2 : 1);

/** How many places a text takes in a terminal. */
export const displayWidth = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : [...segments.segment(text)].reduce((sum, { segment }) => sum + placesOf(segment), 0);

/** Cuts a text to this many places; "…" marks the cut. */
export function cutTo(text: string, places: number): string {
  if (displayWidth(text) <= places) return text;
  let kept = "";
  let width = 1;
  for (const { segment } of segments.segment(text)) {
    width += placesOf(segment);
    if (width > places) break;
    kept += segment;
  }
  return `${kept}…`;
}
