import { expect, onTestFinished, test } from "vitest";
import { type Operation, startReceiver } from "../support/scripted-receiver.ts";
import { openWatchedSender } from "../support/watched-sender.ts";

const readRequest: Operation = { op: "read_request" };
const fin: Operation = { op: "fin" };
const send = (data: string): Operation => ({ op: "send", data });
const sleep: Operation = { op: "sleep", ms: 5 };
const second = send("HTTP/1.1 299 Second\r\nContent-Length: 0\r\n\r\n");

const ok = "HTTP/1.1 200 OK\r\n";
const counted = "Content-Length: 2\r\n\r\nok";
const chunks = "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

/** How the answer arrives: whole, or in parts; `fin`: the server then closes the connection. */
type Part = string | Operation;
/** What a caller sees of it: status and body, and whether the next request goes over the same connection. */
type Seen = { status?: number; body?: string; kept: boolean };

test.each<[string, Part[], Seen]>([
  [
    "nginx",
    [`${ok}Server: nginx/1.24.0\r\nDate: x\r\nConnection: keep-alive\r\n${counted}`],
    { kept: true },
  ],
  ["nginx, chunked", [`${ok}Server: nginx\r\nVary: Accept-Encoding\r\n${chunks}`], { kept: true }],
  [
    "Apache",
    [
      `${ok}Server: Apache/2.4.57 (Debian)\r\nKeep-Alive: timeout=5, max=100\r\nConnection: Keep-Alive\r\n${counted}`,
    ],
    { kept: true },
  ],
  [
    "Apache, with an offer of HTTP/2",
    [`${ok}Upgrade: h2,h2c\r\nConnection: Upgrade, Keep-Alive\r\n${counted}`],
    { kept: true },
  ],
  [
    "IIS",
    [
      `${ok}Cache-Control: private\r\nServer: Microsoft-IIS/10.0\r\nX-AspNet-Version: 4.0.30319\r\n${counted}`,
    ],
    { kept: true },
  ],
  ["Tomcat, without a reason", [`HTTP/1.1 200 \r\nDate: x\r\n${counted}`], { kept: true }],
  ["a reason without a space", [`HTTP/1.1 200\r\n${counted}`], { kept: true }],
  ["a reason in latin1", [`HTTP/1.1 200 Tr\xe8s bien\r\n${counted}`], { kept: true }],
  ["a reason in UTF-8", [`HTTP/1.1 200 \xe6\x88\x90\r\n${counted}`], { kept: true }],
  ["a reason with an escape", [`HTTP/1.1 200 \x1b[32mOK\r\n${counted}`], { kept: true }],
  ["PHP's own server", [`${ok}Connection: close\r\n\r\nok`, fin], { kept: false }],
  ["Python's http.server", ["HTTP/1.0 200 OK\r\nServer: x\r\n\r\nok", fin], { kept: false }],
  [
    "Werkzeug",
    [`${ok}Server: Werkzeug/2.3.6\r\nConnection: close\r\n${counted}`, fin],
    { kept: false },
  ],
  ["HTTP/1.0, kept", [`HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n${counted}`], { kept: true }],
  ["HTTP/1.0 with a length", [`HTTP/1.0 200 OK\r\n${counted}`], { kept: false }],
  ["HTTP/1.0 with chunks", [`HTTP/1.0 200 OK\r\n${chunks}`, sleep, fin], { kept: false }],
  ["a proxy that writes HTTP/2.0", [`HTTP/2.0 200 OK\r\n${counted}`], { kept: false }],
  [
    "Express",
    [`${ok}X-Powered-By: Express\r\nKeep-Alive: timeout=5\r\n${counted}`],
    { kept: true },
  ],
  [
    "Cloudflare",
    [`${ok}CF-RAY: 7-FRA\r\nReport-To: {"a":[1]}\r\nalt-svc: h3=":443"; ma=86400\r\n${chunks}`],
    { kept: true },
  ],
  ["no space behind a colon", [`${ok}X-A:b\r\nContent-Length:2\r\n\r\nok`], { kept: true }],
  ["blanks around values", [`${ok}X-A:\t b \t\r\nContent-Length:  2\t\r\n\r\nok`], { kept: true }],
  ["an empty value", [`${ok}X-A:\r\n${counted}`], { kept: true }],
  ["odd names", [`${ok}X_A.b!#$%&'*+^\`|~: b\r\n${counted}`], { kept: true }],
  ["values in latin1 and UTF-8", [`${ok}X-A: \xe9\r\nX-B: \xc3\xa9\r\n${counted}`], { kept: true }],
  [
    "thirty cookies",
    [`${ok}${"Set-Cookie: a=b; Path=/\r\n".repeat(30)}${counted}`],
    { kept: true },
  ],
  ["a length twice", [`${ok}Content-Length: 2\r\n${counted}`], { kept: true }],
  ["a padded length", [`${ok}Content-Length: ${"2".padStart(20, "0")}\r\n\r\nok`], { kept: true }],
  [
    "padded sizes of chunks",
    [`${ok}Transfer-Encoding: chunked\r\n\r\n2     \r\nok\r\n00000000000000\r\n\r\n`],
    { kept: true },
  ],
  [
    "extensions and trailers",
    [
      `${ok}Transfer-Encoding: chunked\r\n\r\n2 ; a = "b;c"\r\nok\r\n0;d\r\nX: y\r\nContent-Length: 9\r\n\r\n`,
    ],
    { kept: true },
  ],
  ["CHUNKED", [`${ok}${chunks.replace("chunked", "CHUNKED")}`], { kept: true }],
  ["gzip, chunked", [`${ok}${chunks.replace("chunked", "gzip, chunked")}`], { kept: true }],
  ["identity until the end", [`${ok}Transfer-Encoding: identity\r\n\r\nok`, fin], { kept: false }],
  ["100 Continue", [`HTTP/1.1 100 Continue\r\n\r\n${ok}${counted}`], { kept: true }],
  ["103, apart", ["HTTP/1.1 103 E\r\nLink: x\r\n\r\n", sleep, `${ok}${counted}`], { kept: true }],
  ["byte by byte", [..."HTTP/1.1 200 OK\r\n", ...counted], { kept: true }],
  ["empty lines first", [`\r\n\n${ok}${counted}`], { kept: true }],
  ["an empty line too many", [`${ok}${counted}\r\n`], { kept: false }],
  ["two answers", [`${ok}${counted}${ok}${counted}`], { kept: false }],
  ["two answers, one late", [`${ok}${counted}`, sleep, `${ok}${counted}`], { kept: false }],
  ["garbage behind it", [`${ok}${counted}garbage`], { kept: false }],
  ["a length, then the end", [`${ok}${counted}`, fin], { kept: false }],
  ["until the end", [`${ok}\r\nok`, sleep, fin], { kept: false }],
  ["Keep-Alive: timeout=1", [`${ok}Keep-Alive: timeout=1\r\n${counted}`], { kept: false }],
  ["204", ["HTTP/1.1 204 No Content\r\n\r\n"], { status: 204, body: "", kept: true }],
  [
    "204 and a length of none",
    ["HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"],
    { status: 204, body: "", kept: true },
  ],
  [
    "204 and a late body",
    ["HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", sleep, "ok"],
    { status: 204, body: "", kept: false },
  ],
  [
    "426",
    [`HTTP/1.1 426 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n${counted}`],
    { status: 426, kept: true },
  ],
])("the answer of %s is read, and its connection kept if it can be", async (_name, parts, seen) => {
  const { status = 200, body = "ok", kept } = seen;
  const answer = parts.map((part) => (typeof part === "string" ? send(part) : part));
  const receiver = await startReceiver([readRequest, ...answer, readRequest, second]);
  const { sender, opened } = openWatchedSender();
  onTestFinished(() => receiver.close());
  const post = async () => {
    const { result } = await sender.send({
      ...{ origin: receiver.origin, path: "/", headers: [], timeoutMs: 5_000 },
      body: Buffer.from("{}"),
    });
    return result;
  };

  expect(await post()).toMatchObject({ kind: "responded", status, body, bodyTruncated: false });
  // What comes late has come.
  if (!kept) await expect.poll(() => opened[0]?.destroyed).toBe(true);
  expect(await post()).toMatchObject({ kind: "responded", status: kept ? 299 : status });
  expect(receiver.connectionCount()).toBe(kept ? 1 : 2);
  await sender.close();
  expect(opened.map((socket) => socket.destroyed)).toEqual(opened.map(() => true));
});
