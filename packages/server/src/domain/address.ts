/** One parsed IP address: its version and its bits as a number. */
export type Address = { version: 4 | 6; value: bigint };

/** An address range, both ends included. */
export type Cidr = { version: 4 | 6; first: bigint; last: bigint };

/**
 * Parses an IP address as the system's resolver prints it, or gives undefined.
 *
 * Strict on purpose: four plain decimal octets, or IPv6 as in RFC 4291 2.2 without a zone. The
 * short, octal and hexadecimal spellings that `inet_aton` takes are not addresses here.
 */
export function parseAddress(text: string): Address | undefined {
  const version = text.includes(":") ? 6 : 4;
  const value = version === 6 ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { version, value };
}

/**
 * Parses a range such as "127.0.0.0/8" or "::1/128", or gives undefined.
 *
 * The prefix length is required and the bits after it must be zero, as in PostgreSQL's `cidr`:
 * "10.0.0.1/8" is more often a mistake than a decision to open 16 million addresses.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [, addressText = "", lengthText = ""] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = parseAddress(addressText);
  if (address === undefined) return undefined;

  const hostBits = (address.version === 4 ? 32 : 128) - Number(lengthText);
  if (hostBits < 0) return undefined;

  const size = 1n << BigInt(hostBits);
  if (address.value % size !== 0n) return undefined;
  return { version: address.version, first: address.value, last: address.value + size - 1n };
}

/**
 * Tells whether a request may go to this address.
 *
 * Public unicast addresses may be reached; the operator's ranges open more, but never a metadata
 * service or an address that hides another one. Text that cannot be parsed is refused.
 */
export function isAllowedAddress(ip: string, egressAllow: readonly Cidr[]): boolean {
  const address = parseAddress(ip);
  if (address === undefined || isWithin(address, neverAllowed)) return false;

  if (isWithin(address, nat64)) {
    const translated = formatIpv4(address.value & 0xffff_ffffn);
    return isWithin(address, egressAllow) && isAllowedAddress(translated, egressAllow);
  }
  if (isWithin(address, egressAllow)) return true;
  if (address.version === 4) return !isWithin(address, deniedIpv4);
  return isWithin(address, globalIpv6) && !isWithin(address, deniedIpv6);
}

/**
 * Tells whether the operator's ranges include a part of a private network. If so, its internal names are allowed.
 *
 * Loopback, documentation and benchmarking ranges belong to no network, so they do not count.
 */
export function opensPrivateNetwork(egressAllow: readonly Cidr[]): boolean {
  return egressAllow.some((range) =>
    privateNetworks.some(
      ({ version, first, last }) =>
        version === range.version && range.first <= last && first <= range.last,
    ),
  );
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split(".");
  const valid = octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255);
  if (octets.length !== 4 || !valid) return undefined;
  return octets.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const lastColon = text.lastIndexOf(":");
  const tail = text.slice(lastColon + 1);
  if (tail.includes(".")) {
    const ipv4 = parseIpv4(tail);
    if (ipv4 === undefined) return undefined;
    const groups = `${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`;
    return parseIpv6(text.slice(0, lastColon + 1) + groups);
  }

  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;

  const groups = [...head, ...Array<string>(missing).fill("0"), ...rest];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

function isWithin(address: Address, ranges: readonly Cidr[]): boolean {
  return ranges.some(
    ({ version, first, last }) =>
      version === address.version && first <= address.value && address.value <= last,
  );
}

function parseRanges(...texts: string[]): readonly Cidr[] {
  return texts.map((text) => {
    const range = parseCidr(text);
    if (range === undefined) throw new Error(`"${text}" is not an address range`);
    return range;
  });
}

/** IANA IPv4 Special-Purpose Address Registry, multicast, class E and Azure's WireServer. */
const deniedIpv4 = parseRanges(
  "0.0.0.0/8", // this network, RFC 791
  "10.0.0.0/8", // private, RFC 1918
  "100.64.0.0/10", // carrier-grade NAT, RFC 6598
  "127.0.0.0/8", // loopback, RFC 1122
  "169.254.0.0/16", // link local, RFC 3927
  "172.16.0.0/12", // private, RFC 1918
  "192.0.0.0/24", // IETF protocol assignments, RFC 6890
  "192.0.2.0/24", // TEST-NET-1, RFC 5737
  "192.31.196.0/24", // AS112, RFC 7535
  "192.52.193.0/24", // AMT, RFC 7450
  "192.88.99.0/24", // 6to4 relay, RFC 7526
  "192.168.0.0/16", // private, RFC 1918
  "192.175.48.0/24", // AS112, RFC 7534
  "198.18.0.0/15", // benchmarking, RFC 2544
  "198.51.100.0/24", // TEST-NET-2, RFC 5737
  "203.0.113.0/24", // TEST-NET-3, RFC 5737
  "224.0.0.0/4", // multicast, RFC 5771
  "240.0.0.0/4", // reserved, RFC 1112, and broadcast
  "168.63.129.16/32", // Azure WireServer
);

/** The only part of IPv6 that IANA allocates as global unicast. */
const globalIpv6 = parseRanges("2000::/3");

/** The special-purpose parts of global unicast, from IANA's IPv6 Special-Purpose Registry. */
const deniedIpv6 = parseRanges(
  "2001::/23", // IETF protocol assignments: Teredo, ORCHID, benchmarking, RFC 2928
  "2001:db8::/32", // documentation, RFC 3849
  "2002::/16", // 6to4, RFC 3056
  "2620:4f:8000::/48", // AS112, RFC 7534
  "3fff::/20", // documentation, RFC 9637
);

/** Ranges that organisations use for their own machines. */
const privateNetworks = parseRanges(
  "10.0.0.0/8", // RFC 1918
  "172.16.0.0/12", // RFC 1918
  "192.168.0.0/16", // RFC 1918
  "100.64.0.0/10", // RFC 6598, as overlay networks use it
  "fc00::/7", // unique local, RFC 4193
);

/** NAT64 prefixes: the low 32 bits are the IPv4 address that the translator connects to. */
const nat64 = parseRanges(
  "64:ff9b::/96", // RFC 6052
  "64:ff9b:1::/48", // RFC 8215
);

/** Addresses that no operator's range opens: the documented metadata services of clouds, and addresses that hide others. */
const neverAllowed = [
  ...parseRanges(
    "169.254.169.254/32", // AWS, Google Cloud, Azure, Oracle, OpenStack, DigitalOcean, Hetzner …
    "169.254.169.252/32", // GKE metadata server
    "169.254.170.2/32", // AWS ECS task credentials
    "169.254.170.23/32", // AWS EKS Pod Identity
    "169.254.0.23/32", // Tencent Cloud
    "169.254.10.10/32", // Tencent Cloud
    "169.254.42.42/32", // Scaleway
    "168.63.129.16/32", // Azure WireServer
    "100.100.100.200/32", // Alibaba Cloud
    "192.0.0.192/32", // Oracle Cloud Classic
    "fd00:ec2::254/128", // AWS
    "fd00:ec2::23/128", // AWS EKS Pod Identity
    "fd20:ce::254/128", // Google Cloud
    "fd00:c1::a9fe:a9fe/128", // Oracle Cloud
    "fd00:42::42/128", // Scaleway
    "fd00:100::100:200/128", // Alibaba Cloud
    "fd00:a9fe:a9fe::1/128", // Akamai (Linode)
    "fe80::a9fe:a9fe/128", // OpenStack
    // IPv6 spellings of IPv4 addresses: an operator who needs them opens the IPv4 range.
    "::ffff:0:0/96", // IPv4-mapped, RFC 4291
    "::ffff:0:0:0/96", // SIIT, RFC 2765
    "2002::/16", // 6to4, RFC 3056
  ),
  { version: 6, first: 2n, last: 0xffff_ffffn }, // IPv4-compatible, RFC 4291, but for :: and ::1
] satisfies readonly Cidr[];
