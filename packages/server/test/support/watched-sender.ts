import type net from "node:net";
import { openSender, type Sender } from "../../src/dispatcher/send.ts";
import { openSocket } from "../../src/dispatcher/sockets.ts";
import { parseCidr } from "../../src/domain/address.ts";

const loopback = [parseCidr("127.0.0.0/8")].filter((cidr) => cidr !== undefined);

/** A sender to receivers on this machine, and every socket that it has opened. Whoever opens it closes it. */
export function openWatchedSender(): { sender: Sender; opened: readonly net.Socket[] } {
  const opened: net.Socket[] = [];
  const sender = openSender({
    egressAllow: loopback,
    connectSocket(target) {
      const socket = openSocket(target);
      opened.push(socket);
      return socket;
    },
  });
  return { sender, opened };
}
