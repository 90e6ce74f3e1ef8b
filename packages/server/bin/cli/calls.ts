import type { ListConversationsQuery, ListedConversation, Postrider } from "@postrider/sdk";
import { type Command, Option } from "commander";
import { rows } from "../options.ts";
import { type ClientOptions, clientCommand, examples, existing, withClient } from "./client.ts";
import { getEndpoint } from "./endpoint-names.ts";
import { firstRows } from "./pages.ts";
import { type Column, printable } from "./table.ts";
import {
  colors,
  print,
  printEmptyList,
  printFields,
  printJson,
  printNext,
  printTable,
  stateCell,
} from "./terminal.ts";
import { ageOf, callTones, clockOf, counted, durationOf } from "./words.ts";

type Status = ListedConversation["status"];
type ListOptions = ClientOptions & { status?: Status; assistant?: string; limit: number };

/** The commands that read calls. */
export function addCallCommands(program: Command): void {
  const group = program.command("calls").description("list calls and show their messages");
  clientCommand(group, "list", "list calls, newest first")
    .addOption(
      new Option("--status <status>", "only calls with this status").choices(
        Object.keys(callTones),
      ),
    )
    .option("--assistant <assistant>", "only calls of this assistant, by id or name")
    .option("--limit <n>", "how many to list at most", rows, 20)
    .addHelpText("after", examples(["calls list --status ongoing", "calls that are going on now"]))
    .action(listCalls);
  clientCommand(group, "show", "show a call and its messages")
    .argument("<call>", "id of the call")
    .addHelpText(
      "after",
      examples(["calls show CC-0f9b1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3", "with its messages"]),
    )
    .action(showCall);
}

const columns: readonly Column[] = [
  { title: "STATUS" },
  { title: "ASSISTANT", min: 9, optional: 1 },
  { title: "DIRECTION", optional: 5 },
  { title: "MESSAGES", align: "right", optional: 4 },
  { title: "AGE", optional: 2 },
  { title: "ID" },
];

async function listCalls(given: ListOptions): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const { status, assistant, limit } = given;
    const query: ListConversationsQuery = {
      ...(status && { status }),
      ...(assistant !== undefined && { assistantId: await assistantId(postrider, assistant) }),
    };
    const { rows: calls, next_cursor } = await firstRows(async ({ limit: size, ...at }) => {
      const answer = await postrider.calls.list({ ...query, ...at, size });
      return { rows: answer.conversations, next_cursor: answer.next_cursor };
    }, limit);
    if (given.json) {
      printJson({ conversations: calls, next_cursor });
      return;
    }
    const [first] = calls;
    if (first === undefined) {
      printEmptyList(
        "call",
        query,
        "Simulate some on a service of this machine: postrider simulate call",
      );
      return;
    }
    const nameOf = await assistantNames(postrider, calls);
    const nowMs = Date.now();
    printTable(
      columns,
      calls.map((call) => [
        stateCell({ word: call.status, tone: callTones[call.status] }),
        nameOf(call.assistantId),
        call.direction,
        String(call.messageCount),
        ageOf(call.createdAt, nowMs),
        call.id,
      ]),
    );
    const more = next_cursor === null ? "" : ` More follow: --limit ${limit * 2}.`;
    printNext(
      `${counted(calls.length, "call")}.${more} Show one: postrider calls show ${first.id}`,
    );
  });
}

/** An assistant without a server is not an endpoint, so an id is used as it is. */
const assistantId = async (postrider: Postrider, given: string): Promise<string> =>
  /^[0-9a-f]{24}$/.test(given) ? given : (await getEndpoint(postrider, given)).id;

/** The names of the calls' assistants; a deleted one has its id as its name. */
async function assistantNames(
  { assistants }: Postrider,
  calls: readonly { assistantId: string }[],
): Promise<(id: string) => string> {
  const ids = [...new Set(calls.map((call) => call.assistantId))].slice(0, 50);
  const named = await Promise.all(
    ids.map(async (id) => [id, (await assistants.get(id).catch(() => undefined))?.name] as const),
  );
  const names = new Map(named);
  return (id) => names.get(id) ?? id;
}

async function showCall(id: string, given: ClientOptions): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const call = await existing(postrider.calls.get(id), { noun: "call", id, list: "calls list" });
    if (given.json) {
      printJson(call);
      return;
    }
    const nowMs = Date.now();
    const nameOf = await assistantNames(postrider, [call]);
    const took =
      call.startAt !== null && call.endAt !== null
        ? Date.parse(call.endAt) - Date.parse(call.startAt)
        : null;
    printFields([
      ["Call", call.id],
      ["Assistant", printable(nameOf(call.assistantId))],
      ["Status", call.status],
      ["Kind", `${call.callType}, ${call.direction}`],
      ["User", printable(call.userNumber ?? "")],
      ["Created", clockOf(call.createdAt, nowMs)],
      ["Took", durationOf(took)],
      ["Ended by", printable(call.callEndTriggerBy ?? "")],
    ]);
    if (call.messages.length > 0) print();
    for (const { role, text, timestamp } of call.messages) {
      const at = clockOf(new Date(timestamp).toISOString(), nowMs);
      const said = text ?? colors.dim("(the API key lacks the scope payload)");
      print(`${colors.dim(at)}  ${colors.bold(role.padEnd(9))}  ${printable(said)}`);
    }
    printNext(`What was sent about it: postrider deliveries list --subject ${call.id}`);
  });
}
