import { setTimeout as pause } from "node:timers/promises";
import {
  ApiError,
  ConnectionError,
  type ListenerCreate,
  type ListenerRequest,
  Postrider,
} from "@postrider/sdk";
import { type Command, Option } from "commander";
import { ConfigError } from "../../src/config.ts";
import { onSignal } from "../lifetime.ts";
import { httpUrl } from "../options.ts";
import {
  type ClientOptions,
  clientCommand,
  clientProblem,
  examples,
  openClient,
} from "./client.ts";
import { getEndpoint } from "./endpoint-names.ts";
import { answerAll, type Forward, openForward } from "./forward.ts";
import { type ListenOutput, openListenOutput } from "./listen-output.ts";
import type { Connection } from "./profile.ts";

export type ListenOptions = ClientOptions & {
  /** False: `--no-forward`. */
  forward?: string | false;
  contract: "workflow" | "organisation" | "operational";
  assistant?: string;
  endpoint?: string;
  event?: string[];
  printBody?: boolean;
};

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** The command that gets webhooks to this machine without a public URL. */
export function addListenCommand(program: Command): void {
  const command = clientCommand(
    program,
    "listen",
    "receive webhooks on this machine without a public URL, until you stop it",
  )
    .option("--forward <url>", "post each request to this URL, and report the answer", httpUrl)
    .option("--no-forward", "answer 200 to every request, and post nothing")
    .addOption(
      new Option("--contract <name>", "contract of the webhooks to receive")
        .choices(["workflow", "organisation", "operational"])
        .default("workflow"),
    )
    .addOption(
      new Option("--assistant <id>", "receive copies of this assistant's messages").conflicts(
        "endpoint",
      ),
    )
    .option(
      "--endpoint <endpoint>",
      "receive copies of the requests to this endpoint, by id or name",
    )
    .option("--event <type>", "only this event type; repeatable", collect)
    .option("--print-body", "print each body")
    .addHelpText(
      "after",
      examples(
        ["listen --forward http://localhost:3000/hook", "workflow webhooks to your application"],
        ["listen --no-forward --print-body", "look at what is sent"],
        ["listen --no-forward --json", "one JSON object for each line"],
      ),
    )
    .action(listen);
  const json = command.options.find(({ long }) => long === "--json");
  if (json) json.description = "print JSON lines";
}

async function listen(given: ListenOptions): Promise<void> {
  const { forward: target } = given;
  if (target === undefined) {
    throw new ConfigError(
      "Say where the requests go with --forward <url>, or --no-forward to look at them only.",
    );
  }
  const { connection } = openClient(given);
  const output = openListenOutput(given);
  const stop = new AbortController();
  onSignal("stopping: the listener is ended", () => stop.abort());
  const postrider = openPatientClient(connection);
  try {
    const [wish, team] = await Promise.all([wishOf(postrider, given), teamName(postrider)]);
    const forward = target === false ? answerAll : openForward(target);
    await listenUntil(stop.signal, { postrider, wish, forward, output, team });
  } catch (error) {
    throw clientProblem(error, connection);
  }
  // An open connection to the application would keep the process alive.
  process.exit(process.exitCode);
}

async function wishOf(
  postrider: Postrider,
  { contract, assistant, endpoint, event }: ListenOptions,
): Promise<ListenerCreate> {
  const types =
    event === undefined ? {} : { event_types: event as NonNullable<ListenerCreate["event_types"]> };
  if (assistant !== undefined) return { assistant_id: assistant, ...types };
  if (endpoint === undefined) return { contract, ...types };
  return { endpoint_id: (await getEndpoint(postrider, endpoint)).id, ...types };
}

async function teamName(postrider: Postrider): Promise<string> {
  const me = await postrider.me.get();
  return me.teams.find(({ id }) => id === me.team_id)?.name ?? me.team_id;
}

/** The longest delay between two tries: without a stream, the listener ends after a minute. */
const delayMsMax = 5_000;
const answerRetriesMax = 8;

/** A client that repeats answers for longer than other commands, because the service may be restarting. */
function openPatientClient({ url, apiKey, teamId }: Connection): Postrider {
  return new Postrider({
    ...{ url, apiKey, retriesMax: answerRetriesMax },
    ...(teamId === undefined ? {} : { teamId }),
    delay: (ms, signal) =>
      pause(Math.min(ms, delayMsMax), undefined, { ...(signal && { signal }) }),
  });
}

type Listening = {
  postrider: Postrider;
  wish: ListenerCreate;
  forward: Forward;
  output: ListenOutput;
  team: string;
};

/** How long the end waits for unfinished requests. */
const lastMs = 3_000;

/** Listens until it is stopped; if the listener ended while its connection was lost, a new one is created. */
export async function listenUntil(stop: AbortSignal, listening: Listening): Promise<void> {
  const { postrider, wish, output, team } = listening;
  let first = true;
  while (!stop.aborted) {
    const made = await postrider.listeners.create(wish, { signal: stop }).catch(async (error) => {
      if (stop.aborted) return undefined;
      if (first || !(error instanceof ConnectionError)) throw error;
      output.away("no connection");
      await pause(delayMsMax, undefined, { signal: stop }).catch(() => {});
      return undefined;
    });
    if (made === undefined) continue;
    output.begins({ listener: made, wish, team, again: !first });
    first = false;
    const inHand = new Set<Promise<void>>();
    try {
      const requests = postrider.listeners.requests(made.id, {
        signal: stop,
        onLost: output.away,
        onBack: output.back,
      });
      for await (const { request } of requests) {
        const one = handle(listening, made.id, request).finally(() => inHand.delete(one));
        inHand.add(one);
      }
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    if (!stop.aborted) continue;
    await Promise.race([Promise.all(inHand), pause(lastMs)]);
    await postrider.listeners
      .delete(made.id, { signal: AbortSignal.timeout(lastMs) })
      .catch(() => {});
  }
  output.ends();
}

/** Forwards one request, reports its answer and prints it. It never rejects. */
async function handle(
  { postrider, forward, output }: Listening,
  listenerId: string,
  request: ListenerRequest,
): Promise<void> {
  const repeat = output.arrives(request);
  const forwarded = await forward(request);
  const reported = await postrider.listeners
    .answer(listenerId, { request_id: request.id, ...forwarded.answer })
    .then(
      () => undefined,
      (error) => (error instanceof ApiError ? error.code : "unreachable"),
    );
  output.request({ request, repeat, ...forwarded, unreported: reported });
}
