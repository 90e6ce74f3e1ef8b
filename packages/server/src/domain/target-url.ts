import { type Cidr, isAllowedAddress, opensPrivateNetwork, parseAddress } from "./address.ts";
import { type HostNameKind, hostNameKind } from "./host-names.ts";

/** What the operator allows besides public `https` URLs. */
export type TargetUrlPolicy = { allowHttp: boolean; egressAllow: readonly Cidr[] };

/** A URL in its canonical spelling, or why it is refused: one sentence that quotes nothing. */
export type TargetUrl =
  | { ok: true; url: string }
  | { ok: false; code: TargetUrlRefusal; reason: string };

/** The code of each reason to refuse a URL. */
export type TargetUrlRefusal = keyof typeof reasons;

// Fixed sentences: a refused URL may contain credentials, so no reason quotes it.
const reasons = {
  url_required: "A URL is required.",
  url_too_long: "The URL is longer than 2048 characters.",
  url_invalid_char:
    "The URL contains a blank, a control character, an invisible character or a backslash; percent-encode it or remove it.",
  url_malformed: "The URL is not of the form https://host/path.",
  url_scheme: "The URL must start with https://.",
  url_userinfo:
    "The URL must not contain a user name or password; use a token or a custom header instead.",
  url_fragment: "The URL must not contain a fragment (#), as it would never be sent.",
  url_port:
    "The port must be 443, or one from 1024 to 65535 that does not belong to another well-known service.",
  url_host_invalid: "The host is not a valid domain name or IP address.",
  url_host_not_canonical:
    "The host is not written in its usual form; write a domain name without lookalike or encoded characters, or the IP address in its standard notation.",
  url_host_forbidden:
    "The host must be a public domain name; local, internal and reserved names and those of metadata services cannot be reached.",
  url_blocked_address:
    "The host is a private, local or reserved IP address; it must be publicly reachable.",
} as const;

const charactersMax = 2048;

/**
 * Parses the URL of a subscription as its owner wrote it, and gives the spelling to store.
 *
 * The rules look at the raw text first, because the WHATWG parser repairs silently what parsers
 * in other software read differently (blanks, backslashes, numbers as hosts, missing slashes).
 */
export function parseTargetUrl(raw: string, policy: TargetUrlPolicy): TargetUrl {
  if (raw === "") return refuse("url_required");
  if ([...raw].length > charactersMax) return refuse("url_too_long");
  return vetTargetUrl(raw, policy);
}

/**
 * Checks a stored URL again before it is used, under the present policy.
 *
 * The same as parseTargetUrl without the limit of length: that limits what people write, and the stored
 * spelling of a URL with many non-ASCII characters is longer.
 */
export function vetTargetUrl(raw: string, policy: TargetUrlPolicy): TargetUrl {
  if (forbiddenCharacters.test(raw)) return refuse("url_invalid_char");

  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]+)[^#]*(#.*)?$/i.exec(raw);
  if (parts === null) {
    const otherScheme = /^(?!https?:)[a-z][a-z0-9+.-]*:/i.test(raw);
    return refuse(otherScheme ? "url_scheme" : "url_malformed");
  }
  const [, scheme = "", authority = "", fragment] = parts;
  const plainHttp = policy.allowHttp && /^http$/i.test(scheme);
  if (!plainHttp && !/^https$/i.test(scheme)) return refuse("url_scheme");
  if (authority.includes("@")) return refuse("url_userinfo");
  if (fragment !== undefined) return refuse("url_fragment");

  const [, host, port] = /^(\[[^[\]]*\]|[^:[\]]+)(?::([^:]*))?$/.exec(authority) ?? [];
  if (host === undefined) return refuse("url_malformed");
  if (port !== undefined && !isAllowedPort(port, plainHttp)) return refuse("url_port");

  let url: URL;
  try {
    url = new URL(raw);
  } catch {
    return refuse("url_host_invalid"); // Everything but the host has been checked by now.
  }
  const refusal = findHostRefusal(withoutFinalDot(host, url), url.hostname, policy.egressAllow);
  return refusal === undefined ? { ok: true, url: url.href } : refuse(refusal);
}

/**
 * Removes the final dot of the URL's host name, as resolvers do, and gives the written host without it.
 *
 * An IP address is not changed: the parser has removed its dot, and no address is written with one.
 */
function withoutFinalDot(written: string, url: URL): string {
  if (!written.endsWith(".") || !url.hostname.endsWith(".")) return written;
  url.hostname = url.hostname.slice(0, -1);
  return written.slice(0, -1);
}

function refuse(code: TargetUrlRefusal): TargetUrl {
  return { ok: false, code, reason: reasons[code] };
}

function isAllowedPort(text: string, plainHttp: boolean): boolean {
  if (!/^[1-9]\d{0,4}$/.test(text)) return false;
  const port = Number(text);
  if (port === 443 || (port === 80 && plainHttp)) return true;
  return port >= 1024 && port <= 65_535 && !servicePorts.has(port);
}

function findHostRefusal(
  written: string,
  canonical: string,
  egressAllow: readonly Cidr[],
): TargetUrlRefusal | undefined {
  const literal = written.replace(/^\[(.*)\]$/, "$1");
  if (parseAddress(literal) !== undefined) {
    if (!isAllowedAddress(literal, egressAllow)) return "url_blocked_address";
    return asciiLowerCase(written) === canonical ? undefined : "url_host_not_canonical";
  }
  if (!isWrittenAs(written, canonical)) return "url_host_not_canonical";

  const labels = canonical.split(".");
  const valid = canonical.length <= 253 && labels.every((label) => hostLabel.test(label));
  if (!valid) return "url_host_invalid";
  return isOpenName(hostNameKind(canonical), egressAllow) ? undefined : "url_host_forbidden";
}

/** Tells whether a receiver may have such a name. Its addresses are checked at every attempt. */
function isOpenName(kind: HostNameKind, egressAllow: readonly Cidr[]): boolean {
  if (kind === "loopback") return isAllowedAddress("127.0.0.1", egressAllow);
  if (kind === "internal") return opensPrivateNetwork(egressAllow);
  return kind === "public";
}

/**
 * Tells whether a host was written as the parser prints it: ASCII labels may differ in case
 * only, others must have become A-labels without a compatibility mapping ("ｅ" is not "e").
 */
function isWrittenAs(written: string, canonical: string): boolean {
  const writtenLabels = written.split(".");
  const canonicalLabels = canonical.split(".");
  if (writtenLabels.length !== canonicalLabels.length) return false;
  return writtenLabels.every((label, index) => {
    const canonicalLabel = canonicalLabels[index];
    if (asciiLowerCase(label) === canonicalLabel) return true;
    const plain = /\P{ASCII}/u.test(label) && label === label.normalize("NFKC");
    return plain && canonicalLabel?.startsWith("xn--") === true;
  });
}

/** Lowers A to Z only: `toLowerCase` also turns the Kelvin sign into a "k". */
function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Control, blank, format (zero-width, bidi), ignorable, private-use and non-characters. */
const forbiddenCharacters =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\\]/u;

const hostLabel = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/** Ports from 1024 up that are usually not web servers. */
const servicePorts: ReadonlySet<number> = new Set([
  // The Fetch standard's bad ports.
  ...[1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668],
  ...[6669, 6679, 6697, 10080],
  // Databases, caches and search: SQL Server, Oracle, MySQL, PostgreSQL, CouchDB, Redis, Cassandra,
  // Elasticsearch, memcached, CockroachDB, MongoDB, RethinkDB.
  ...[1433, 1434, 1521, 3306, 33060, 5432, 5984, 6379, 6380, 7000, 7199, 9042, 9160, 9200, 9300],
  ...[11211, 26257, 27017, 27018, 27019, 28015],
  // Queues and coordination: MQTT, ZooKeeper, NATS, AMQP, Kafka, Consul, ActiveMQ.
  ...[1883, 8883, 2181, 4222, 4369, 5671, 5672, 9092, 15672, 8300, 8301, 8302, 8500, 8600, 61616],
  // Control planes: Docker, etcd, Kubernetes, kubelet, WinRM, Java RMI, adb.
  ...[2375, 2376, 2377, 2379, 2380, 6443, 10250, 10255, 5985, 5986, 1099, 5037, 5555],
  // Remote desktops, proxies, files, printers: RDP, VNC, X11, SOCKS, Squid, iSCSI, git, JetDirect.
  ...[3389, 5900, 5901, 5902, 5903, 6001, 1080, 3128, 3260, 9418, 9100],
]);
