import { expect, test } from "vitest";
import { Postrider } from "../src/index.ts";
import { json, scripted } from "./answers.ts";

type Client = Postrider;

test.each<[string, string, string, (client: Client) => AsyncIterable<unknown>]>([
  [
    "events",
    "events",
    "status=failed&size=2",
    (client) => client.workflowWebhooks.events.each({ status: "failed", size: 2 }),
  ],
  ["attempts", "attempts", "", (client) => client.workflowWebhooks.events.eachAttempt("1")],
  ["deliveries of an assistant", "deliveries", "", (client) => client.assistants.eachDelivery("1")],
  ["logs", "logs", "limit=100", (client) => client.webhooks.eachLog("1")],
  [
    "logs of all webhooks",
    "logs",
    "limit=7",
    (client) => client.webhooks.eachLogOfAll({ limit: 7 }),
  ],
])(
  "a walk through %s follows the cursors, with the same filters, until there is none",
  async (_, member, query, walk) => {
    const pages = [["a", "b"], [], ["c"]];
    const { options, seen } = scripted((__, count) =>
      json({
        [member]: pages[count - 1],
        next_cursor: count < pages.length ? `after ${count}` : null,
      }),
    );
    const given: unknown[] = [];
    for await (const one of walk(new Postrider(options))) given.push(one);
    expect(given).toEqual(["a", "b", "c"]);
    const asked = seen.map(({ path }) => path.split("?")[1] ?? "");
    const next = (count: number) => [query, `cursor=after+${count}`].filter(Boolean).join("&");
    expect(asked).toEqual([query, next(1), next(2)]);
  },
);
