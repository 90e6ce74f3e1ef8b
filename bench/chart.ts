/** One bar: its label, its length, and what stands beside it. */
export type Bar = { label: string; value: number; text: string };

const barWidth = 40;

/** Draws bars from a common zero, the longest 40 characters wide. */
export function bars(rows: readonly Bar[]): string[] {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const textWidth = Math.max(...rows.map(({ text }) => text.length));
  return rows.map(({ label, value, text }) => {
    const bar = "█".repeat(Math.max(0, Math.round((value / most) * barWidth)));
    return `  ${label.padEnd(labelWidth)}  ${text.padStart(textWidth)}  ${bar}`.trimEnd();
  });
}

/** Sets a table: the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  return [head, ...rows].map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join("  ")}`.trimEnd();
  });
}

/** The value in the middle; of an even number, the mean of the two there. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** The value that this part of the values does not exceed (nearest rank). NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** Says whether a target is met, in the words of the charts. */
export const verdict = (met: boolean): string => (met ? "met" : "MISSED");
