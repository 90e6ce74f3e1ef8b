import { once } from "node:events";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { readConfig } from "../../src/config.ts";
import { openLog } from "../../src/log.ts";
import { openServer, type Server, type ServerOptions } from "../../src/server.ts";
import { createDatabase } from "./postgres.ts";

/** A running service in this process: its real server, dispatcher and all, on a database of its own. */
export type Service = {
  server: Server;
  /** The operator's key. */
  key: string;
  databaseUrl: string;
  /** Everything that was logged, as text. */
  logged(): string;
  /** The value of a series in /metrics, such as `postrider_backlog{standing="new"}`; undefined where it has none. */
  measured(series: string): Promise<number | undefined>;
  /** Asks the API over HTTP; `body` goes out as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }>;
  /** Writes these bytes to a connection of its own and returns all that is answered until it closes. */
  exchange(bytes: string | Buffer, options?: { msMax?: number }): Promise<string>;
};

/** Starts a service that ends with the test; `sender` stands in for DNS and sockets, `env` over the settings. */
export async function openService(
  sender: ServerOptions["sender"] = {},
  env: Record<string, string> = {},
  options: Pick<ServerOptions, "engine" | "onHopeless" | "stalledMsMax"> = {},
): Promise<Service> {
  const { DATABASE_URL: own } = env;
  const home = own ? { url: own, drop: async () => {} } : await createDatabase();
  const key = "an-operator-key-for-tests";
  const config = readConfig("development", {
    DATABASE_URL: home.url,
    POSTRIDER_API_KEY: key,
    POSTRIDER_ENCRYPTION_KEY: "07".repeat(32),
    PORT: "0",
    ...env,
  });
  let logged = "";
  const log = openLog({
    level: "debug",
    destination: {
      write: (line) => {
        logged += line;
      },
    },
  });
  const server = await openServer(config, {
    ...options,
    migrate: own !== undefined,
    sender,
    log,
  });
  onTestFinished(async () => {
    await server.close();
    await home.drop();
  });
  return {
    server,
    key,
    databaseUrl: home.url,
    logged: () => logged,
    async measured(series) {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      const line = text.split("\n").find((line) => line.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length));
    },
    async call(method, path, body) {
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
    },
    async exchange(bytes, { msMax = 10_000 } = {}) {
      const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes));
      let answer = "";
      socket.on("data", (data) => {
        answer += data.toString("latin1");
      });
      socket.on("error", () => {});
      const timer = setTimeout(() => socket.destroy(), msMax);
      await once(socket, "close");
      clearTimeout(timer);
      return answer;
    },
  };
}
