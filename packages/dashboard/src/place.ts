/** The kind of the application: the operator's dashboard, or a customer's portal. */
export type Kind = "dashboard" | "portal";

/** The place of the application: `base` is the prefix of its pages, `api` that of the API's paths. */
export type Place = { kind: Kind; base: string; api: string };

/** Reads the place of the application from a path; a proxy may have added a prefix. */
export function placeOf(pathname: string): Place {
  const found = /^(.*?)\/(dashboard|portal)(?:\/|$)/.exec(pathname);
  const prefix = found?.[1] ?? "";
  const kind = (found?.[2] ?? "dashboard") as Kind;
  return { kind, base: `${prefix}/${kind}`, api: prefix };
}

/** The place of this page. */
export const place = placeOf(globalThis.location?.pathname ?? "/dashboard/");
