import type { Endpoint, ListEndpointsQuery } from "@postrider/sdk";
import { type Command, Option } from "commander";
import { rows } from "../options.ts";
import { type ClientOptions, clientCommand, examples, withClient } from "./client.ts";
import { doorOf } from "./contract-doors.ts";
import { getEndpoint } from "./endpoint-names.ts";
import { firstRows } from "./pages.ts";
import { type Column, printable } from "./table.ts";
import {
  printEmptyList,
  printFields,
  printJson,
  printNext,
  printTable,
  stateCell,
  toned,
} from "./terminal.ts";
import { clockOf, contractWords, counted, durationOf, healths, untilOf } from "./words.ts";

type ListOptions = ClientOptions & {
  contract?: Endpoint["contract"];
  state?: Endpoint["health"]["state"];
  search?: string;
  limit: number;
};

/** The commands that read endpoints. */
export function addEndpointCommands(group: Command): void {
  clientCommand(group, "list", "list endpoints with their health, newest first")
    .addOption(
      new Option("--contract <name>", "only endpoints of this contract").choices(
        Object.keys(contractWords),
      ),
    )
    .addOption(
      new Option("--state <state>", "only endpoints in this state").choices(Object.keys(healths)),
    )
    .option("--search <text>", "only endpoints with this text in their name or URL")
    .option("--limit <n>", "how many to list at most", rows, 50)
    .addHelpText("after", examples(["endpoints list --state failing", "endpoints that fail now"]))
    .action(listEndpoints);
  clientCommand(group, "show", "show an endpoint and its health")
    .argument("<endpoint>", "id or name of the endpoint")
    .option("--secret", "also show the signing secret; the audit log records this")
    .addHelpText("after", examples(['endpoints show "Billing system"', "by its name"]))
    .action(showEndpoint);
}

const columns: readonly Column[] = [
  { title: "STATE" },
  { title: "ENDPOINT", min: 12 },
  { title: "CONTRACT", optional: 3 },
  { title: "URL", min: 16, optional: 2 },
  { title: "WAITING", align: "right", optional: 4 },
  { title: "ID", optional: 5 },
];

async function listEndpoints(given: ListOptions): Promise<void> {
  const { contract, state, search, limit } = given;
  const query: ListEndpointsQuery = {
    ...(contract === undefined ? {} : { contract: [contract] }),
    ...(state === undefined ? {} : { state: [state] }),
    ...(search === undefined ? {} : { search }),
  };
  const { rows: endpoints, next_cursor } = await withClient(given, ({ postrider }) =>
    firstRows(async (at) => {
      const answer = await postrider.endpoints.list({ ...query, ...at });
      return { rows: answer.endpoints, next_cursor: answer.next_cursor };
    }, limit),
  );
  if (given.json) {
    printJson({ endpoints, next_cursor });
    return;
  }
  if (endpoints.length === 0) {
    printEmptyList(
      "endpoint",
      query,
      "Create one: postrider endpoints create https://example.com/hook",
    );
    return;
  }
  printTable(
    columns,
    endpoints.map((one) => [
      stateCell(healths[one.health.state]),
      one.name,
      one.contract,
      one.url,
      String(one.health.pending),
      one.id,
    ]),
  );
  const more = next_cursor === null ? "" : ` More follow: --limit ${limit * 2}.`;
  printNext(
    `${counted(endpoints.length, "endpoint")}.${more} Show one: postrider endpoints show ${endpoints[0]?.id}`,
  );
}

async function showEndpoint(
  idOrName: string,
  given: ClientOptions & { secret?: boolean },
): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const endpoint = await getEndpoint(postrider, idOrName);
    const signing = given.secret
      ? await doorOf(postrider, endpoint.contract).getSecret(endpoint.id)
      : undefined;
    if (given.json) {
      printJson(signing === undefined ? endpoint : { ...endpoint, signing_secret: signing });
      return;
    }
    printEndpoint(endpoint, signing?.secret);
    const { state } = endpoint.health;
    printNext(
      state === "disabled"
        ? `Send to it again: postrider endpoints enable ${endpoint.id}`
        : state === "failing"
          ? `Why: postrider deliveries list --endpoint ${endpoint.id} --status failed`
          : `What it got: postrider deliveries list --endpoint ${endpoint.id}`,
    );
  });
}

/** Prints an endpoint and its health. */
export function printEndpoint({ health, ...endpoint }: Endpoint, secret = ""): void {
  const nowMs = Date.now();
  const { word, tone } = healths[health.state];
  const rate = health.success_rate_1h;
  const probe = health.next_probe_at;
  printFields([
    ["Endpoint", `${printable(endpoint.name)} (${endpoint.id})`],
    ["Contract", contractWords[endpoint.contract]],
    ["URL", printable(endpoint.url)],
    ["Events", endpoint.event_types.join(", ")],
    ["State", `${toned(tone, `● ${word}`)} since ${clockOf(health.since, nowMs)}`],
    ["Disabled", endpoint.disabled_reason === "failing" ? "because it kept failing" : ""],
    ["Last fault", health.state === "failing" ? (health.last_error_code ?? "") : ""],
    ["Next probe", probe === null ? "" : `in ${untilOf(probe, nowMs)}`],
    ["Waiting", `${health.pending_is_estimate ? "more than " : ""}${health.pending}`],
    ["Last hour", rate === null ? "" : `${(rate * 100).toFixed(1)} % of the attempts succeeded`],
    ["95 of 100", health.p95_ms_1h === null ? "" : `took at most ${durationOf(health.p95_ms_1h)}`],
    ["Secret", secret],
  ]);
}
