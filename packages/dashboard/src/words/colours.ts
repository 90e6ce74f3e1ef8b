/** A colour as #rrggbb. */
type Hex = string;
type Rgb = readonly [number, number, number];

/** The backgrounds of text in the light and the dark theme: the tokens --surface. */
const grounds = { light: "#ffffff", dark: "#1c1d1b" } as const;
/** The contrast that text needs (WCAG 2.2, 1.4.3). */
const contrastMin = 4.5;

/** The text colours with the least contrast to their background: tokens of styles.css. */
const faintest = {
  light: ["#66685f", "#63655e", "#7f5900", "#b3261e", "#16703f"],
  dark: ["#93958d", "#a0a29a", "#f2877f", "#63c793"],
} as const;

/** Whether all text is readable on a background. */
const carries = (ground: Rgb, scheme: "light" | "dark"): boolean =>
  faintest[scheme].every((ink) => contrast(ink, print(ground)) >= contrastMin);

/** Reads #rrggbb; undefined for anything else. */
function parse(colour: string): Rgb | undefined {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (found === null) return undefined;
  const [, red = "", green = "", blue = ""] = found;
  return [Number.parseInt(red, 16), Number.parseInt(green, 16), Number.parseInt(blue, 16)];
}

const print = (rgb: Rgb): Hex =>
  `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;

const mix = (one: Rgb, other: Rgb, share: number): Rgb =>
  [0, 1, 2].map((at) => (one[at] ?? 0) * (1 - share) + (other[at] ?? 0) * share) as unknown as Rgb;

/** How light a colour is, 0 to 1 (WCAG's relative luminance). */
function luminance(rgb: Rgb): number {
  const [red = 0, green = 0, blue = 0] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The contrast of two colours, 1 to 21. */
export function contrast(one: Hex, other: Hex): number {
  const [a = 0, b = 0] = [one, other].map((colour) => luminance(parse(colour) ?? [0, 0, 0]));
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Makes the tokens for a portal's two colours; an invalid colour changes nothing. */
export type Dress = {
  /** The theme that goes with the background; undefined without one. */
  scheme: "light" | "dark" | undefined;
  tokens: Readonly<Record<string, string>>;
};

/**
 * Applies two colours to the pages so that all text stays readable.
 *
 * A light background selects the light theme, a dark one the dark theme. An accent that is too similar to the background
 * is changed until its text is readable.
 */
export function dressOf(
  { accent, background }: { accent?: string | undefined; background?: string | undefined },
  shown: "light" | "dark",
): Dress {
  const back = parse(background ?? "");
  const scheme = back && (luminance(back) > 0.35 ? "light" : "dark");
  const tokens: Record<string, string> = {};
  if (back && scheme) {
    // The given colour, or the nearest one on which the faintest text is readable.
    const ground = parse(grounds[scheme]) ?? back;
    let near = back;
    for (let share = 0.05; share <= 1 && !carries(near, scheme); share += 0.05) {
      near = mix(back, ground, share);
    }
    tokens["--bg"] = print(near);
    tokens["--sunken"] = print(near);
  }
  const given = parse(accent ?? "");
  if (given) {
    const now = scheme ?? shown;
    const away: Rgb = now === "light" ? [0, 0, 0] : [255, 255, 255];
    let moved = given;
    for (
      let step = 0;
      step < 20 && contrast(print(moved), grounds[now]) < contrastMin + 0.7;
      step += 1
    ) {
      moved = mix(moved, away, 0.1);
    }
    tokens["--accent"] = print(moved);
    tokens["--accent-ink"] =
      contrast(print(moved), "#ffffff") >= contrast(print(moved), "#111111")
        ? "#ffffff"
        : "#111111";
    tokens["--accent-soft"] = print(mix(parse(grounds[now]) ?? given, given, 0.1));
  }
  return { scheme, tokens };
}
