/** What the pages are for: an operator's whole service, or a customer's part of it. */
export type Kind = "dashboard" | "portal";

/** Where the application stands: `base` is before its pages, `api` before the API's paths. */
export type Place = { kind: Kind; base: string; api: string };

/** Reads from a path where the application stands; a proxy may have put a prefix before it. */
export function placeOf(pathname: string): Place {
  const found = /^(.*?)\/(dashboard|portal)(?:\/|$)/.exec(pathname);
  const prefix = found?.[1] ?? "";
  const kind = (found?.[2] ?? "dashboard") as Kind;
  return { kind, base: `${prefix}/${kind}`, api: prefix };
}

/** Where this page stands. */
export const place = placeOf(globalThis.location?.pathname ?? "/dashboard/");
