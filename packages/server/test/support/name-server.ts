import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";

/** What a name server says about a name: its addresses, a failure, or nothing at all. */
export type Records = {
  a?: readonly string[] | Failure | Silence;
  aaaa?: readonly string[] | Failure | Silence;
  /** How long the answer about `aaaa` takes. */
  aaaaAfterMs?: number;
};
type Silence = "silent";
type Failure = "NXDOMAIN" | "SERVFAIL" | "REFUSED";
export type Zone = Record<string, Records | Failure | Silence>;

/** A name server on 127.0.0.1; what its zone does not hold does not exist. */
export type NameServer = {
  /** `127.0.0.1:port` */
  address: string;
  /** The zone, to be changed between questions. */
  zone: Zone;
  /** Questions so far, as "name A" or "name AAAA". */
  questions: string[];
  close(): Promise<void>;
};

const typeNames: Record<number, "A" | "AAAA"> = { 1: "A", 28: "AAAA" };
const responseCodes = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 };

/** Starts a name server that speaks DNS (RFC 1035) over UDP, as far as resolvers of addresses need it. */
export async function startNameServer(zone: Zone): Promise<NameServer> {
  const socket = dgram.createSocket("udp4");
  const questions: string[] = [];
  socket.on("message", (message, { port, address }) => {
    const { name, type, question } = readQuestion(message);
    questions.push(`${name} ${type}`);
    const entry = zone[name] ?? "NXDOMAIN";
    const said = typeof entry === "string" ? entry : (entry[type === "A" ? "a" : "aaaa"] ?? []);
    if (said === "silent") return;
    const code = typeof said === "string" ? responseCodes[said] : 0;
    const bytes = answer(message.readUInt16BE(0), question, code, code ? [] : [...said]);
    const afterMs = typeof entry === "string" || type === "A" ? 0 : (entry.aaaaAfterMs ?? 0);
    if (afterMs === 0) socket.send(bytes, port, address);
    else setTimeout(() => socket.send(bytes, port, address), afterMs);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    zone,
    questions,
    async close() {
      socket.close();
      await once(socket, "close");
    },
  };
}

function readQuestion(message: Buffer) {
  const labels: string[] = [];
  let at = 12;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = typeNames[message.readUInt16BE(at + 1)] ?? "A";
  return { name: labels.join(".").toLowerCase(), type, question: message.subarray(12, at + 5) };
}

function answer(id: number, question: Buffer, code: number, addresses: readonly string[]) {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  return Buffer.concat([head, question, ...addresses.map(record)]);
}

/** A record about the name of the question (a pointer to byte 12), good for a minute. */
function record(address: string) {
  const bytes = net.isIPv4(address) ? address.split(".").map(Number) : ipv6Bytes(address);
  const type = bytes.length === 4 ? 1 : 28;
  return Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length, ...bytes]);
}

function ipv6Bytes(address: string) {
  const [head = "", tail = ""] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const [first, last] = [groups(head), groups(tail)];
  const all = [...first, ...Array<string>(8 - first.length - last.length).fill("0"), ...last];
  return all.flatMap((group) => [
    Number.parseInt(group, 16) >> 8,
    Number.parseInt(group, 16) & 255,
  ]);
}
