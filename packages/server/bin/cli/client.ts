import { ApiError, ConnectionError, Postrider } from "@postrider/sdk";
import { type Command, Help, type Option } from "commander";
import { ConfigError } from "../../src/config.ts";
import { StartError } from "../../src/start-error.ts";
import { httpUrl } from "../options.ts";
import { type Connection, type ConnectionOptions, connectionOf } from "./profile.ts";
import { printable } from "./table.ts";

/** The options of every command that calls a service. */
export type ClientOptions = ConnectionOptions & { json?: boolean };

/** A client of a service, and its connection. */
export type OpenClient = { postrider: Postrider; connection: Connection };

/** Makes a command that calls a service, with the common options. */
export function clientCommand(parent: Command, name: string, description: string): Command {
  // `postrider runs` lists runs.
  const command = parent.command(name, { isDefault: name === "list" });
  const path = parent.name() === "postrider" ? name : `${parent.name()} ${name}`;
  return command
    .description(description)
    .showHelpAfterError(`What it takes: postrider ${path} --help`)
    .configureHelp({ visibleOptions: ownOptionsFirst })
    .option("--url <url>", "URL of the service; default: POSTRIDER_URL, then the profile", httpUrl)
    .option("--key <key>", "API key; default: POSTRIDER_API_KEY, then the profile")
    .option("--team <id>", "one of the key's teams; default: the key's own")
    .option("--json", "print one JSON document");
}

/** The common options, shown after a command's own ones. */
const commonOptions = ["--url", "--key", "--team", "--json", "--help"];

function ownOptionsFirst(command: Command): Option[] {
  const isCommon = ({ long }: Option) => commonOptions.includes(long ?? "");
  const all = new Help().visibleOptions(command);
  return [...all.filter((one) => !isCommon(one)), ...all.filter(isCommon)];
}

/** Examples for the end of a command's help, each with what it does. */
export const examples = (...lines: readonly (readonly [command: string, does: string])[]): string =>
  `\nExamples:\n${lines.map(([command, does]) => `  # ${does}\n  $ postrider ${command}`).join("\n")}`;

/** Opens the SDK's client for the service of the options. */
export function openClient(options: ClientOptions): OpenClient {
  const connection = connectionOf(options);
  return { postrider: clientOf(connection), connection };
}

/** Makes the SDK's client. A person waits, so an unreachable service is reported after a second and not after ten. */
export function clientOf({ url, apiKey, teamId }: Connection, retriesMax = 2): Postrider {
  try {
    return new Postrider({
      url,
      apiKey,
      retriesMax,
      ...(teamId === undefined ? {} : { teamId }),
    });
  } catch (error) {
    throw new ConfigError((error as TypeError).message);
  }
}

/** Runs a command's work, and converts an error of the service or the network to one sentence. */
export async function withClient<Result>(
  options: ClientOptions,
  run: (client: OpenClient) => Promise<Result>,
): Promise<Result> {
  const client = openClient(options);
  try {
    return await run(client);
  } catch (error) {
    throw clientProblem(error, client.connection);
  }
}

/** Converts an error of the SDK to one sentence that says what to type next; any other error stays as it is. */
export function clientProblem(error: unknown, connection: Connection): unknown {
  if (error instanceof ConnectionError) return new StartError(noAnswer(error, connection.url));
  return error instanceof ApiError ? new StartError(refusal(error, connection)) : error;
}

function noAnswer(error: ConnectionError, url: string): string {
  const reason = reasonOf(error.cause);
  return `No Postrider answers at ${url}${reason === "" ? "" : ` (${reason})`}. Say where it is with --url or POSTRIDER_URL, or start one, run: npx postrider dev`;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "unknown host name",
  EAI_AGAIN: "unknown host name",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "no connection in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
};

/** Why there was no answer: the system's code, which is in one of the error's causes. */
function reasonOf(error: unknown): string {
  let last = "";
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if (at.name === "TimeoutError") return "no answer in time";
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return reasons[code] ?? code;
    last = at.message;
  }
  return last;
}

function refusal(error: ApiError, { url, keyFrom }: Connection): string {
  switch (error.code) {
    case "unauthorized":
      return `${url} does not accept the API key (${keyFrom}). Log in with another one, run: postrider login --url ${url}`;
    case "scope_missing":
      return `${error.detail} The key is that of ${keyFrom}; whoever has a key with the scope admin makes another, run: postrider keys create --help`;
    case "team_not_found":
      return `The API key of ${keyFrom} reaches no such team. Leave out --team for its own.`;
    case "unexpected_answer":
      return `${url} answers ${error.status}, and not as a Postrider does. Say where the service is with --url or POSTRIDER_URL.`;
    case "rate_limited":
      return `${error.detail} Wait a little and type the same again.`;
    default:
      return `${[`${error.code}: ${error.detail}`, ...fieldsOf(error), next[error.code] ?? ""].join(" ").trim()}${traceOf(error)}`;
  }
}

/** What to type after refusals whose own text does not say it. */
const next: Readonly<Partial<Record<ApiError["code"], string>>> = {
  delivery_in_flight: "Wait for its end, run: postrider deliveries tail",
  subscription_disabled: "Run: postrider endpoints enable <endpoint>",
  key_in_use: "Revoke it with another key: --key.",
  quota_exceeded: "Delete what nobody needs any more.",
};

/** Awaits a thing that a person named; if it does not exist, throws a StartError that says how to list the existing ones. */
export async function existing<Thing>(
  thing: Promise<Thing>,
  { noun, id, list }: { noun: string; id: string; list: string },
): Promise<Thing> {
  try {
    return await thing;
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "not_found")) throw error;
    throw new StartError(
      `There is no ${noun} ${printable(id)}. See what there is, run: postrider ${list}`,
    );
  }
}

/** The wrong fields, each with its fault. */
const fieldsOf = ({ errors, detail }: ApiError): string[] =>
  errors
    .filter(({ msg }) => !detail.includes(msg))
    .map(
      ({ loc, msg }) => `${loc.slice(1).join(".") || loc.join(".")}: ${msg.replace(/\.$/, "")}.`,
    );

/** The request's id for the operator, if the fault is not the caller's. */
const traceOf = ({ status, requestId }: ApiError): string =>
  status >= 500 && requestId !== undefined ? ` (request ${requestId})` : "";
