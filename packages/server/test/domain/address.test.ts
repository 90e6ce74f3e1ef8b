import fc from "fast-check";
import { expect, test } from "vitest";
import { type Cidr, isAllowedAddress, parseAddress, parseCidr } from "../../src/domain/address.ts";
import { rowsOf } from "../hostile/rows.ts";

type Case = {
  id: string;
  input: { ip: string; allow_cidrs?: string[] };
  expect: { allow: boolean };
  why: string;
};

function cidrs(...texts: string[]): Cidr[] {
  return texts.map((text) => {
    const range = parseCidr(text);
    if (range === undefined) throw new Error(`not a range: ${text}`);
    return range;
  });
}

function format({ version }: Cidr, value: bigint): string {
  const [width, count, radix, separator] = version === 4 ? [8n, 4, 10, "."] : [16n, 8, 16, ":"];
  return Array.from({ length: Number(count) }, (_, index) => {
    const shift = BigInt(Number(count) - 1 - index) * BigInt(width);
    return ((value >> shift) & ((1n << BigInt(width)) - 1n)).toString(Number(radix));
  }).join(String(separator));
}

// Written out again here, from design and registries, so that a slip in the source shows.
const denied = cidrs(
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"],
  ...["192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"],
  ...["203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"],
  ...["::/3", "4000::/2", "8000::/1"], // Everything but 2000::/3.
  ...["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"],
);

const isDenied = (version: 4 | 6, value: bigint) =>
  denied.some((r) => r.version === version && r.first <= value && value <= r.last);

const metadata = [
  ...["169.254.169.254", "169.254.169.252", "169.254.170.2", "169.254.170.23", "169.254.0.23"],
  ...["169.254.10.10", "169.254.42.42", "168.63.129.16", "100.100.100.200", "192.0.0.192"],
  ...["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"],
  ...["fd00:a9fe:a9fe::1", "fd00:100::100:200", "fe80::a9fe:a9fe"],
];

const everything = cidrs("0.0.0.0/0", "::/0");

test.each(rowsOf<Case>("ip"))("$id: $why", ({ input, expect: expected }) => {
  const egressAllow = cidrs(...(input.allow_cidrs ?? []));
  expect(isAllowedAddress(input.ip, egressAllow)).toBe(expected.allow);
});

test("each denied range is refused from its first to its last address and not beyond", () => {
  const edges = denied.flatMap((range) =>
    [range.first - 1n, range.first, range.last, range.last + 1n].map((value) => ({ range, value })),
  );
  for (const { range, value } of edges) {
    const bits = range.version === 4 ? 32n : 128n;
    if (value < 0n || value >= 1n << bits) continue;
    const text = format(range, value);
    expect([text, isAllowedAddress(text, [])]).toEqual([text, !isDenied(range.version, value)]);
  }
});

test("any address in a denied range is refused, and any other is allowed", () => {
  const inRange = fc
    .constantFrom(...denied)
    .chain((range) =>
      fc.bigInt({ min: range.first, max: range.last }).map((value) => ({ range, value })),
    );
  const anywhere = fc
    .constantFrom(...everything)
    .chain((range) =>
      fc.bigInt({ min: range.first, max: range.last }).map((value) => ({ range, value })),
    );
  fc.assert(
    fc.property(fc.oneof(inRange, anywhere), ({ range, value }) => {
      expect(isAllowedAddress(format(range, value), [])).toBe(!isDenied(range.version, value));
    }),
    { numRuns: 1000 },
  );
});

test.each(metadata)("no range of the operator opens the metadata address %s", (ip) => {
  expect(isAllowedAddress(ip, everything)).toBe(false);
  expect(isAllowedAddress(ip, cidrs(ip.includes(":") ? `${ip}/128` : `${ip}/32`))).toBe(false);
});

test.each([
  ...["::ffff:127.0.0.1", "::FFFF:7F00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "2002:7f00:1::"],
  ...["64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe", "::ffff:8.8.8.8"],
])("no range of the operator opens %s, which hides another address", (ip) => {
  expect(isAllowedAddress(ip, everything)).toBe(false);
});

test("an operator opens loopback, private and NAT64 ranges, and nothing beside them", () => {
  const egressAllow = cidrs("127.0.0.0/8", "::1/128", "10.1.0.0/16", "fd12::/16", "64:ff9b::/96");
  for (const ip of ["127.0.0.1", "127.255.255.255", "::1", "10.1.2.3", "fd12::5", "8.8.8.8"]) {
    expect([ip, isAllowedAddress(ip, egressAllow)]).toEqual([ip, true]);
  }
  for (const ip of ["10.2.0.0", "10.0.255.255", "::", "::2", "fd13::", "192.168.0.1"]) {
    expect([ip, isAllowedAddress(ip, egressAllow)]).toEqual([ip, false]);
  }
  expect(isAllowedAddress("64:ff9b::8.8.8.8", egressAllow)).toBe(true);
  expect(isAllowedAddress("64:ff9b::10.2.0.1", egressAllow)).toBe(false);
});

test.each([
  ...["", " ", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..2.3", "256.1.1.1", "01.2.3.4"],
  ...["0x7f.0.0.1", "2130706433", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.-4", "1e1.1.1.1"],
  ...["１.2.3.4", "example.com", ":", ":::", "::g", "1::2::3", "1:2:3:4:5:6:7", "[::1]", "::1%lo"],
  ...["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::12345", "::1.2.3", "1.2.3.4::", "::1.2.3.4:1"],
  ...["1:2:3:4:5:6:7:1.2.3.4", ":1:2:3:4:5:6:7", "::ffff:01.2.3.4", "2606:4700::1/128"],
  // With eight groups beside the first "::", nothing but the second one is wrong.
  ...["1:2:3:4::5:6:7:8::", "1:2:3:4::5:6:7:8::9", "1:2:3:4::5:6:7:8::9::"],
])("%j is not an address, so it is refused even when everything is open", (text) => {
  expect(parseAddress(text)).toBeUndefined();
  expect(isAllowedAddress(text, everything)).toBe(false);
});

test("every spelling of RFC 4291 gives the same bits", () => {
  const spellings = ["2001:db8::192.0.2.33", "2001:DB8:0:0:0:0:c000:221", "2001:db8::c000:0221"];
  const value = 0x20010db8_00000000_00000000_c0000221n;
  for (const text of spellings) expect(parseAddress(text)).toEqual({ version: 6, value });
  expect(parseAddress("1:2:3:4:5:6:7::")?.value).toBe(0x0001_0002_0003_0004_0005_0006_0007_0000n);
  expect(parseAddress("::")).toEqual({ version: 6, value: 0n });
});

test.each([
  ...["127.0.0.1", "127.0.0.1/8", "127.0.0.0/33", "::1/129", "127.0.0.0/08", "127.0.0.0/"],
  ...["/8", "", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/8 ", "localhost/8", "127/8", "::2/127x"],
])("%j is not a range", (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test("a range covers its whole prefix", () => {
  expect(parseCidr("10.0.0.0/8")).toEqual({ version: 4, first: 0x0a000000n, last: 0x0affffffn });
  expect(parseCidr("0.0.0.0/0")).toEqual({ version: 4, first: 0n, last: 0xffffffffn });
  expect(parseCidr("::1/128")).toEqual({ version: 6, first: 1n, last: 1n });
});
