// Posts once to the URL that is given, as the service does, and prints the result as JSON. For tests of what the
// environment of a whole process changes.
import { openSender } from "../../src/dispatcher/send.ts";
import { parseCidr } from "../../src/domain/address.ts";

const { origin, pathname } = new URL(process.argv[2] ?? "");
const loopback = [parseCidr("127.0.0.0/8")].filter((cidr) => cidr !== undefined);
const sender = openSender({ egressAllow: loopback });
const body = Buffer.from("{}");
const { result } = await sender.send({
  origin,
  path: pathname,
  headers: [],
  body,
  timeoutMs: 10_000,
});
process.stdout.write(JSON.stringify(result));
await sender.close();
