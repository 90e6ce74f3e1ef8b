import type { ListenerCreate, ListenerRequest, NewListener } from "@postrider/sdk";
import { say } from "../lifetime.ts";
import type { Forwarded } from "./forward.ts";
import { printable } from "./table.ts";
import { colors, print, toned } from "./terminal.ts";
import { clockOf, counted, durationOf } from "./words.ts";

/** The output of `listen`, as lines for people or as JSON lines. */
export type ListenOutput = {
  begins(told: { listener: NewListener; wish: ListenerCreate; team: string; again: boolean }): void;
  /** The connection is lost; printed once until it is back. */
  away(reason: string): void;
  back(): void;
  /** A request arrived; returns whether it came before, in this run of the command or according to the service. */
  arrives(request: ListenerRequest): boolean;
  request(told: Told): void;
  ends(): void;
};

type Told = Forwarded & {
  request: ListenerRequest;
  /** It came before. */
  repeat: boolean;
  /** Why the service did not accept the answer. */
  unreported: string | undefined;
};

const idsMax = 50_000;
const excerptMax = 60;
const typeWidth = 22;

/** Opens the output. */
export function openListenOutput({
  json = false,
  printBody = false,
}: {
  json?: boolean;
  printBody?: boolean;
}): ListenOutput {
  const write = (line: object) => print(JSON.stringify({ at: new Date().toISOString(), ...line }));
  const seen = new Set<string>();
  let isAway = false;
  let [requests, delivered] = [0, 0];

  return {
    begins({ listener, wish, team, again }) {
      const { id: listener_id, secret } = listener;
      isAway = false;
      if (json) write({ type: "listening", listener_id, secret, ...wish });
      else {
        if (again) {
          say(
            "the listener ended without its connection: a new listener begins, with a new secret",
          );
        }
        print(`Listening for ${nounOf(wish)} of team ${printable(team)}. Secret: ${secret}`);
      }
    },
    away(reason) {
      if (isAway) return;
      isAway = true;
      if (json) write({ type: "away", reason });
      else say(`the connection is lost (${reason}); trying again`);
    },
    back() {
      if (!isAway) return;
      isAway = false;
      if (json) write({ type: "back" });
      else say("the connection is back; nothing was lost");
    },
    arrives({ event_id, repeat }) {
      const known = repeat || seen.has(event_id);
      if (seen.size > idsMax) seen.clear();
      seen.add(event_id);
      return known;
    },
    request(told) {
      const { status_code } = told.answer;
      requests += 1;
      if (status_code < 300) delivered += 1;
      if (json) write(lineOf(told, printBody));
      else {
        print(textOf(told));
        if (printBody) print(bodyOf(told.request));
      }
    },
    ends() {
      if (!json) say(`${counted(requests, "request")}, ${delivered} of them answered with 2xx`);
    },
  };
}

const nounOf = ({ contract, assistant_id, endpoint_id }: ListenerCreate): string => {
  if (assistant_id !== undefined) return `messages of assistant ${assistant_id}`;
  if (endpoint_id !== undefined) return `copies of what endpoint ${endpoint_id} gets`;
  return `${contract} webhooks`;
};

const bodyOf = ({ body }: ListenerRequest): string => Buffer.from(body, "base64").toString();

function lineOf({ request, repeat, answer, problem, unreported }: Told, body: boolean) {
  const { event_type, event_id, delivery_id, attempt } = request;
  const { status_code, duration_ms } = answer;
  return {
    ...{ type: "request", event_type, event_id, delivery_id, attempt, repeat },
    ...{ status_code, duration_ms },
    ...(problem === undefined ? {} : { problem }),
    ...(unreported === undefined ? {} : { unreported }),
    ...(body ? { headers: request.headers, body: bodyOf(request) } : {}),
  };
}

function textOf({ request, repeat, answer, problem, unreported }: Told): string {
  const { status_code, duration_ms, body = "" } = answer;
  const isGood = status_code < 300;
  const nowMs = Date.now();
  const answered = (problem ?? String(status_code)).padEnd(3);
  const excerpt = isGood || problem !== undefined ? "" : excerptOf(body);
  const notes = [
    request.event_id,
    repeat ? colors.yellow("repeat") : "",
    unreported === undefined ? "" : colors.yellow(notTaken(unreported)),
    excerpt,
  ];
  return [
    colors.dim(clockOf(new Date(nowMs).toISOString(), nowMs)),
    request.event_type.padEnd(typeWidth),
    `→ ${toned(isGood ? "ok" : "bad", answered)}`,
    durationOf(duration_ms).padStart(6),
    ...notes.filter((note) => note !== ""),
  ].join("  ");
}

const notTaken = (code: string): string =>
  code === "answer_too_late"
    ? "(too late: it was given up, and may come again)"
    : `(the service did not take the answer: ${code})`;

/** The first words of a body. */
function excerptOf(body: string): string {
  const line = printable(body.trim().split("\n", 1)[0] ?? "");
  return line.length > excerptMax ? `${line.slice(0, excerptMax)}…` : line;
}
