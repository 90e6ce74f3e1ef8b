import fc from "fast-check";
import { expect, test } from "vitest";
import { isAllowedAddress, parseAddress, parseCidr } from "../../src/domain/address.ts";
import { findHeaderFaults } from "../../src/domain/receiver-headers.ts";
import { parseRetryAfter } from "../../src/domain/retry-after.ts";
import { parseTargetUrl, type TargetUrlPolicy } from "../../src/domain/target-url.ts";

const seed = 20_261_121;
const production: TargetUrlPolicy = { allowHttp: false, egressAllow: [] };
const accepts = (url: string) => parseTargetUrl(url, production).ok;

// The registries once more (RFC 6890 and successors, IANA 2026), independently of the source.
const forbiddenV4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  ...["168.63.129.16/32", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"],
];

const v4 = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
const hex = (value: bigint, digits = 0) => value.toString(16).padStart(digits, "0");
const groups = (value: bigint) => `${hex(value >> 16n)}:${hex(value & 0xffffn)}`;

/** Each IPv6 spelling that carries an IPv4 address inside. */
const disguises: [string, (value: bigint) => string][] = [
  ["IPv4-mapped", (value) => `::ffff:${v4(value)}`],
  ["IPv4-mapped in hex", (value) => `::FFFF:${groups(value)}`],
  ["IPv4-mapped at length", (value) => `0:0:0:0:0:ffff:${groups(value)}`],
  ["IPv4-compatible", (value) => `::${v4(value)}`],
  ["IPv4-translated (SIIT)", (value) => `::ffff:0:${v4(value)}`],
  ["NAT64", (value) => `64:ff9b::${groups(value)}`],
  ["local NAT64", (value) => `64:ff9b:1::${groups(value)}`],
  ["6to4", (value) => `2002:${groups(value)}::`],
  ["6to4 with a host", (value) => `2002:${groups(value)}::1`],
  ["Teredo client", (value) => `2001::${groups(value ^ 0xffff_ffffn)}`],
  ["Teredo server", (value) => `2001:0:${groups(value)}::1`],
  ["ISATAP", (value) => `fe80::5efe:${groups(value)}`],
];

const range = (text: string) => {
  const found = parseCidr(text);
  if (!found) throw new Error(text);
  return found;
};

test("each forbidden IPv4 range ends exactly where it should, in every disguise and as a URL", () => {
  const isForbidden = (value: bigint) =>
    forbiddenV4.map(range).some(({ first, last }) => first <= value && value <= last);
  for (const { first, last } of forbiddenV4.map(range)) {
    for (const value of [first - 1n, first, first + 1n, last - 1n, last, last + 1n]) {
      if (value < 0n || value > 0xffff_ffffn) continue;
      const plain = v4(value);
      expect([plain, isAllowedAddress(plain, [])]).toEqual([plain, !isForbidden(value)]);
      expect([plain, accepts(`https://${plain}/`)]).toEqual([plain, !isForbidden(value)]);
      for (const [name, disguise] of disguises) {
        const text = disguise(value);
        expect(parseAddress(text), `${name} ${text}`).toBeDefined();
        expect([name, text, isAllowedAddress(text, [])]).toEqual([name, text, false]);
        expect([name, text, accepts(`https://[${text}]/`)]).toEqual([name, text, false]);
      }
    }
  }
});

test("outside of 2000::/3 no IPv6 address is public, and inside only what nobody reserved", () => {
  const edges = ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"];
  for (const { first, last } of edges.map(range)) {
    const inside = [first, first + 1n, last - 1n, last];
    for (const value of inside) expect(isAllowedAddress(colons(value), [])).toBe(false);
  }
  const around: [bigint, boolean][] = [
    [range("2001::/23").first - 1n, true],
    [range("2001::/23").last + 1n, true],
    [range("2001:db8::/32").first - 1n, true],
    [range("2001:db8::/32").last + 1n, true],
    [range("2002::/16").last + 1n, true],
    [range("2620:4f:8000::/48").first - 1n, true],
    [range("2620:4f:8000::/48").last + 1n, true],
    [range("3fff::/20").first - 1n, true],
    [range("3fff::/20").last + 1n, true],
    [range("2000::/3").first, true],
    [range("2000::/3").first - 1n, false],
    [range("2000::/3").last, true],
    [range("2000::/3").last + 1n, false],
  ];
  for (const [value, allowed] of around) {
    expect([colons(value), isAllowedAddress(colons(value), [])]).toEqual([colons(value), allowed]);
  }
});

const colons = (value: bigint) =>
  Array.from({ length: 8 }, (_, index) => hex((value >> BigInt(112 - index * 16)) & 0xffffn)).join(
    ":",
  );

/** Ways to write an octet or a whole IPv4 address that some parser somewhere takes. */
const octets = [
  (octet: bigint) => String(octet),
  (octet: bigint) => `0${octet.toString(8)}`,
  (octet: bigint) => `0x${hex(octet)}`,
  (octet: bigint) => `0X${hex(octet, 4).toUpperCase()}`,
  (octet: bigint) => `000${octet}`,
  (octet: bigint) =>
    [...String(octet)].map((digit) => String.fromCharCode(0xff10 + Number(digit))).join(""),
  (octet: bigint) => [...String(octet)].map((digit) => `%3${digit}`).join(""),
  (octet: bigint) =>
    [...String(octet)].map((digit) => String.fromCodePoint(0x1d7ce + Number(digit))).join(""),
];
const dots = [".", "%2e", "%2E", "\u3002", "\uff0e", "\uff61", ".\u200b", "\u00ad."];

test("no spelling of a forbidden IPv4 host is accepted, whichever parsers would take it", () => {
  const address = fc
    .constantFrom(...forbiddenV4.map(range))
    .chain(({ first, last }) => fc.bigInt({ min: first, max: last }));
  const spelling = fc
    .tuple(
      address,
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(...octets),
      fc.constantFrom(...octets),
      fc.constantFrom(...dots),
      fc.constantFrom("", ".", ".."),
    )
    .map(([value, parts, one, other, dot, end]) => {
      // inet_aton: the last part holds all the bytes that are left.
      const heads = [24n, 16n, 8n].slice(0, parts - 1).map((shift) => (value >> shift) & 255n);
      const rest = value & ((1n << BigInt(40 - parts * 8)) - 1n);
      return (
        [...heads.map((head, index) => (index % 2 ? other : one)(head)), other(rest)].join(dot) +
        end
      );
    });
  fc.assert(
    fc.property(spelling, (host) => {
      expect([host, accepts(`https://${host}/`)]).toEqual([host, false]);
    }),
    { seed, numRuns: 3_000 },
  );
});

const forbiddenNames = [
  ...["localhost", "app.localhost", "metadata.google.internal", "db.internal", "printer.local"],
  ...["router.lan", "a.home.arpa", "x.test", "x.example", "x.invalid", "x.onion", "intranet"],
  ...["kubernetes.default.svc", "x.svc.cluster.local", "x.corp", "x.localdomain", "x.consul"],
];

const letters: ((letter: string) => string)[] = [
  (letter) => letter,
  (letter) => letter.toUpperCase(),
  (letter) => `%${letter.charCodeAt(0).toString(16)}`,
  (letter) => (/[a-z]/.test(letter) ? String.fromCharCode(letter.charCodeAt(0) + 0xfee0) : letter),
  (letter) =>
    /[a-z]/.test(letter) ? String.fromCodePoint(0x24d0 + letter.charCodeAt(0) - 97) : letter,
  (letter) =>
    /[a-z]/.test(letter) ? String.fromCodePoint(0x1d41a + letter.charCodeAt(0) - 97) : letter,
  (letter) => `${letter}\u200d`,
  (letter) => `${letter}\u00ad`,
  (letter) => (letter === "k" ? "\u212a" : letter === "s" ? "\u017f" : letter),
];

test("no spelling of a forbidden name is accepted: case, dots, escapes, lookalikes, invisible letters, ports, paths", () => {
  const host = fc
    .constantFrom(...forbiddenNames)
    .chain((name) =>
      fc
        .array(fc.constantFrom(...letters), { minLength: name.length, maxLength: name.length })
        .map((ways) =>
          [...name]
            .map((letter, index) => (letter === "." ? letter : (ways[index]?.(letter) ?? letter)))
            .join(""),
        ),
    );
  const around = fc.record({
    scheme: fc.constantFrom(
      "https://",
      "HTTPS://",
      "https:/",
      "https:\\\\",
      "https:///",
      "//",
      "https:",
    ),
    user: fc.constantFrom(
      "",
      "",
      "",
      "example.com@",
      "example.com:443@",
      "a%40b@",
      "@",
      "example.com%00@",
    ),
    dot: fc.constantFrom("", "", ".", "\u3002", "%2e"),
    port: fc.constantFrom("", "", ":443", ":8443", ":0443", ":"),
    path: fc.constantFrom(
      "",
      "/",
      "/example.com",
      "?example.com",
      "#@example.com",
      "\\@example.com",
      ";example.com",
    ),
  });
  fc.assert(
    fc.property(host, around, (name, { scheme, user, dot, port, path }) => {
      const url = `${scheme}${user}${name}${dot}${port}${path}`;
      expect([url, accepts(url)]).toEqual([url, false]);
    }),
    { seed, numRuns: 5_000 },
  );
});

test("IPv6 hosts in brackets are addresses and nothing more: no zones, no escapes, no longer forms", () => {
  const public6 = "2606:4700:4700::1111";
  expect(accepts(`https://[${public6}]/`)).toBe(true);
  for (const inside of [
    ...[`${public6}%eth0`, `${public6}%25eth0`, `${public6}%`, ` ${public6}`, `${public6}/64`],
    ...["2606:4700:4700:0:0:0:0:1111", "2606:4700:4700::0:1111", "2606:4700:4700::01111"],
    ...["%32606:4700:4700::1111", "２606:4700:4700::1111", "2606:4700:4700:::1111", "v1.a:b"],
    ...["::", "::1", "fe80::1", "fc00::1", "ff02::1", "100::1", "5f00::1", "[::1]", "1::2::3"],
  ]) {
    expect([inside, accepts(`https://[${inside}]/`)]).toEqual([inside, false]);
  }
  expect(accepts(`https://${public6}/`)).toBe(false);
  expect(accepts(`https://[${public6}].example.com/`)).toBe(false);
});

test("a public URL goes on being accepted, with whatever path and query", () => {
  const part = fc.stringMatching(/^[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,12}$/);
  fc.assert(
    fc.property(
      fc.domain(),
      part,
      part,
      fc.integer({ min: 49_152, max: 65_535 }),
      (host, path, query, port) => {
        fc.pre(!forbiddenNames.some((name) => host.endsWith(name.split(".").at(-1) ?? "")));
        expect(accepts(`https://${host}/${path}?${query}`)).toBe(true);
        expect(accepts(`https://${host}:${port}/${path}`)).toBe(true);
      },
    ),
    { seed, numRuns: 500 },
  );
});

test("a header that is accepted is one line of printable ASCII under a name of its own, whatever was tried", () => {
  const odd = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "\r\n",
      "\n",
      "\0",
      "a\r\nb: c",
      "\u2028",
      "a\u0085b",
      "é",
      "\t",
      " a",
      "a ",
      ":",
    ),
  );
  const reserved =
    /^(host|connection|transfer-encoding|te|upgrade|trailer|keep-alive|expect|cookie|set-cookie|via|forwarded|user-agent|content-.*|proxy-.*|webhook-.*|x-webhook-.*|x-interactly-.*|x-forwarded.*|x-original-.*|signature.*|metadata.*)$/;
  const names = fc.oneof(
    odd,
    fc.constantFrom(
      "Host",
      "hOsT",
      "content_length",
      "Content-Length",
      "X_Webhook_Id",
      "webhook-Id",
      "__proto__",
      "constructor",
      "toString",
      "Cookie",
      "TE",
      "X-Forwarded_For",
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(names, odd), { maxLength: 4 }), (headers) => {
      if (findHeaderFaults(headers).length > 0) return;
      for (const [name, value] of headers) {
        expect(name).toMatch(/^[A-Za-z0-9][\x21-\x7e]{0,63}$/);
        expect(name).not.toMatch(/[\s:"(),/<=>?@[\\\]{}]/);
        expect(name.toLowerCase().replaceAll("_", "-")).not.toMatch(reserved);
        expect(value).toMatch(/^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/);
      }
      const plain = headers.map(([name]) => name.toLowerCase().replaceAll("_", "-"));
      expect(new Set(plain).size).toBe(plain.length);
    }),
    { seed, numRuns: 5_000 },
  );
});

test("Retry-After is digits or one of the three HTTP-dates; every other spelling of a time is nothing", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const number = fc.oneof(fc.integer(), fc.double(), fc.bigInt());
  const around = fc.constantFrom(
    "",
    "+",
    "-",
    "~",
    "0x",
    "0b",
    ".",
    "s",
    " s",
    "ms",
    ";",
    ",",
    "\u00a0",
    "e1",
    "n",
    '"',
  );
  fc.assert(
    fc.property(around, number, around, (before, value, after) => {
      const text = `${before}${value}${after}`;
      const seconds = parseRetryAfter(text, nowMs);
      if (/^[ \t]*\d+[ \t]*$/.test(text)) expect(seconds).toBe(Math.min(86_400, Number(text)));
      else expect([text, seconds]).toEqual([text, undefined]);
    }),
    { seed, numRuns: 3_000 },
  );
  const date = fc.date({
    min: new Date(nowMs),
    max: new Date(nowMs + 86_400_000),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(date, (when) => {
      for (const text of [
        when.toISOString(),
        when.toString(),
        String(when.getTime()),
        when.toLocaleString(),
        when.toDateString(),
      ]) {
        const seconds = parseRetryAfter(text, nowMs);
        // Milliseconds since 1970 are digits, and so a very long time.
        expect([text, seconds]).toEqual([text, /^\d+$/.test(text) ? 86_400 : undefined]);
      }
    }),
    { seed },
  );
});
