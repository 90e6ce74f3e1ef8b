/** The servers of a database URL: one, or several of which the service uses one that accepts writes. */
export type DatabaseHosts = {
  /** A URL with one host for each server, in the order in which they are tried. */
  urls: readonly [string, ...string[]];
  /** Servers that accept no writes are skipped. */
  mustWrite: boolean;
};

const hostsMax = 16;
/** The values of libpq's target_session_attrs that this service supports besides `any`, the default. */
const writable = ["read-write", "primary"];

/**
 * Parses a database URL as libpq reads it: `host1:5432,host2`, or `?host=/a,/b&port=…`, and `target_session_attrs`.
 *
 * Several hosts without `target_session_attrs` mean read-write: a service on a standby could record nothing. Returns
 * undefined when it is not such a URL.
 */
export function parseDatabaseUrl(text: string): DatabaseHosts | undefined {
  const parts =
    /^(?<scheme>postgres(?:ql)?):\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^/?#@]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/.exec(
      text,
    )?.groups;
  if (!parts) return undefined;
  const query = new URLSearchParams(parts.query);
  const attrs = query.get("target_session_attrs");
  if (attrs !== null && attrs !== "any" && !writable.includes(attrs)) return undefined;
  const places = placesOf(parts.hosts ?? "", query);
  if (places === undefined || places.length > hostsMax) return undefined;
  for (const ours of ["host", "port", "target_session_attrs"]) query.delete(ours);
  const user = parts.user === undefined ? "" : `${parts.user}@`;
  const urls = places.map(({ host, port, directory }) => {
    const rest = new URLSearchParams(query);
    if (directory !== undefined) rest.set("host", directory);
    const at = `${host}${port === "" ? "" : `:${port}`}`;
    const options = rest.size === 0 ? "" : `?${rest}`;
    return `${parts.scheme}://${user}${at}${parts.path ?? ""}${options}`;
  });
  const [first, ...others] = urls;
  if (first === undefined || !urls.every((url) => URL.canParse(url))) return undefined;
  return {
    urls: [first, ...others],
    mustWrite: attrs === null ? others.length > 0 : writable.includes(attrs),
  };
}

type Place = { host: string; port: string; directory?: string };

/** The named servers: from the query if it has any, otherwise from before the path. */
function placesOf(authority: string, query: URLSearchParams): Place[] | undefined {
  const written = authority.split(",").map((one) => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(one));
  if (written.includes(null)) return undefined;
  const named = written.map((one) => ({ host: one?.[1] ?? "", port: one?.[2] ?? "" }));
  const hosts = query.get("host")?.split(",");
  const ports = query.get("port")?.split(",");
  const count = hosts?.length ?? named.length;
  if (ports !== undefined && ports.length !== 1 && ports.length !== count) return undefined;
  return Array.from({ length: count }, (_, at) => {
    const own = named[at] ?? named[0] ?? { host: "", port: "" };
    const port = ports?.[at] ?? ports?.[0] ?? own.port;
    const host = hosts?.[at];
    if (host === undefined) return { host: own.host, port };
    // A socket's directory can only be in the query.
    if (host.startsWith("/")) return { host: own.host || "localhost", port, directory: host };
    return { host: host.includes(":") ? `[${host}]` : host, port };
  });
}

/** Describes a database for people: hosts, database and user, without the password. */
export function describeDatabaseUrl(text: string): string {
  const hosts = parseDatabaseUrl(text);
  if (!hosts) return "a database";
  const urls = hosts.urls.map((url) => new URL(url));
  const places = urls.map(
    (url) => url.searchParams.get("host") ?? `${url.hostname}:${url.port || 5432}`,
  );
  const [{ pathname, username } = { pathname: "", username: "" }] = urls;
  const name = decodeURIComponent(pathname.slice(1)) || "its default database";
  const user = username === "" ? "" : ` as ${decodeURIComponent(username)}`;
  return `${name} at ${places.join(", ")}${user}`;
}

/** All secrets in these URLs, as written and as decoded, longest first. */
export function secretsOfUrls(urls: readonly (string | undefined)[]): string[] {
  const secrets = new Set<string>();
  for (const text of urls) {
    const written = /^[a-z]+:\/\/[^/?#]*?:([^/?#]*)@/i.exec(text ?? "")?.[1];
    const inQuery = /[?&](?:password|sslpassword)=([^&#]*)/i.exec(text ?? "")?.[1];
    for (const secret of [written, inQuery]) {
      if (!secret) continue;
      secrets.add(secret);
      try {
        secrets.add(decodeURIComponent(secret));
      } catch {
        // An invalid percent-encoding is kept as it is.
      }
    }
  }
  return [...secrets].sort((one, other) => other.length - one.length);
}
