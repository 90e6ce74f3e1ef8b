import type { History } from "./generate-history.ts";

/** One delivery of the huge team, by its names. */
export type Example = { deliveryId: string; eventId: string; runId: string };

/** One call of the huge team. */
export type CallExample = { callId: string; assistantId: string };

/** A kind of request; `path(n)` is the n-th one, each time another page or another id. */
export type RequestKind = { name: string; teamId?: string; path: (n: number) => string };

const dayMs = 86_400_000;

/** Every list of deliveries, attempts and logs with every filter: first pages, pages further on, and deep ones. */
export function historyRequests(
  history: History,
  examples: readonly Example[],
  calls: readonly CallExample[],
): RequestKind[] {
  const pick = <T>(from: readonly T[], n: number): T => from[n % from.length] as T;
  const nowMs = Date.now();
  const daysAgo = (days: number) => new Date(nowMs - days * dayMs).toISOString();
  const oneDay = (n: number) => `start=${daysAgo(2 + (n % 28))}&end=${daysAgo(1 + (n % 28))}`;
  const events = "/workflows/v1/workflow-webhooks/events";

  /** The same filter on the first page, on ones further on, and at the end of what may be asked for. */
  const paged = (name: string, path: string, filter: (n: number) => string): RequestKind[] => [
    { name: `${name}, first page`, path: (n) => `${path}?${filter(n)}` },
    { name: `${name}, pages 2 to 31`, path: (n) => `${path}?${filter(n)}&page=${n + 2}` },
  ];
  const listed = (name: string, filter: (n: number) => string) =>
    paged(`A ${name}`, events, filter);
  const deep = (name: string, filter: string, offset: number): RequestKind => ({
    name: `A ${name}, offset ${offset}`,
    path: (n) => `${events}?${filter}&size=100&page=${offset / 100 + 1 - n}`,
  });
  const deliveriesOf = (n: number) =>
    `/assistants/v1/assistants/${pick(history.assistantIds, n)}/deliveries`;
  const windows = (name: string, path: (n: number) => string): RequestKind[] => [
    { name: `B ${name}, first page`, path },
    {
      name: `B ${name}, offsets to 1,000`,
      path: (n) => `${path(n)}${path(n).includes("?") ? "&" : "?"}offset=${33 * n}`,
    },
    {
      name: `B ${name}, offset 10,000`,
      path: (n) => `${path(n)}${path(n).includes("?") ? "&" : "?"}limit=100&offset=${10_000 - n}`,
    },
  ];

  return [
    ...listed("all", () => ""),
    { name: "A all, 1,000 a page", path: (n) => `${events}?size=1000&page=${n + 1}` },
    deep("all", "", 10_000),
    deep("all", "", 100_000),
    ...listed("status=delivered", () => "status=delivered"),
    ...listed("status=failed", () => "status=failed"),
    deep("status=failed", "status=failed", 10_000),
    deep("status=failed", "status=failed", 100_000),
    ...listed("status=pending", () => "status=pending"),
    ...listed("status=retrying", () => "status=retrying"),
    ...listed("common action", () => "action=workflow_run_completed"),
    deep("common action", "action=workflow_run_completed", 100_000),
    ...listed("action, 1 in 1,000", () => "action=workflow_updated"),
    ...listed("rare action", () => "action=workflow_created"),
    ...listed("unused action", () => "action=workflow_deleted"),
    ...listed("rare action, failed", () => "action=workflow_created&status=failed"),
    ...listed("subscription", (n) => `subscription_id=${pick(history.webhookIds, n)}`),
    ...listed(
      "subscription, failed",
      (n) => `subscription_id=${pick(history.webhookIds, n)}&status=failed`,
    ),
    ...listed(
      "subscription, retrying",
      (n) => `subscription_id=${pick(history.webhookIds, n)}&status=retrying`,
    ),
    ...listed(
      "subscription, rare action",
      (n) => `subscription_id=${pick(history.webhookIds, n)}&action=workflow_created`,
    ),
    ...listed("busy workflow", (n) => `workflow_id=${pick(history.workflowIds.slice(0, 5), n)}`),
    ...listed("any workflow", (n) => `workflow_id=${pick(history.workflowIds, 37 * n)}`),
    ...listed(
      "any workflow, failed",
      (n) => `workflow_id=${pick(history.workflowIds, 37 * n)}&status=failed`,
    ),
    ...listed(
      "any workflow, rare action",
      (n) => `workflow_id=${pick(history.workflowIds, 37 * n)}&action=workflow_created`,
    ),
    ...listed("a day", oneDay),
    ...listed("a day, failed", (n) => `${oneDay(n)}&status=failed`),
    ...listed("a day, rare action", (n) => `${oneDay(n)}&action=workflow_created`),
    ...listed("search, all workflows by name", () => "search=workflow"),
    ...listed("search, part of a name", (n) => `search=flow%20${1 + (n % 19)}`),
    { name: "A search, no such name", path: (n) => `${events}?search=nobody${n}` },
    { name: "A search, delivery", path: (n) => `${events}?search=${pick(examples, n).deliveryId}` },
    { name: "A search, event", path: (n) => `${events}?search=${pick(examples, n).eventId}` },
    { name: "A search, run", path: (n) => `${events}?search=${pick(examples, n).runId}` },
    {
      name: "A search, workflow",
      path: (n) => `${events}?search=${pick(history.workflowIds, 37 * n)}`,
    },
    {
      name: "A search, subscription",
      path: (n) => `${events}?search=${pick(history.webhookIds, n)}`,
    },
    {
      name: "A search, unknown id",
      path: (n) => `${events}?search=${"f".repeat(22)}${n % 90 < 10 ? 10 + (n % 90) : n % 90}`,
    },
    ...listed("all, of a smaller team", () => "").map((kind) => ({
      ...kind,
      teamId: pick(history.otherTeamIds, 0),
    })),
    ...listed("unused action, of a smaller team", () => "action=workflow_deleted").map((kind) => ({
      ...kind,
      teamId: pick(history.otherTeamIds, 1),
    })),
    {
      name: "A attempts of a delivery",
      path: (n) => `${events}/${pick(examples, n).deliveryId}/attempts`,
    },
    {
      name: "A attempts of an event",
      path: (n) => `${events}/${pick(examples, n).eventId}/attempts`,
    },
    ...windows("all logs", () => "/webhooks/logs/all"),
    ...windows(
      "all logs, common type",
      () => "/webhooks/logs/all?event_type=workflow.step.completed",
    ),
    ...windows("all logs, rare type", () => "/webhooks/logs/all?event_type=workflow.failed"),
    ...windows("all logs, unused type", () => "/webhooks/logs/all?event_type=workflow.step.failed"),
    ...windows(
      "logs of a webhook",
      (n) => `/webhooks/${pick(history.organisationWebhookIds, n)}/logs`,
    ),
    { name: "C all, first page", path: deliveriesOf },
    { name: "C all, pages 2 to 31", path: (n) => `${deliveriesOf(n)}?page=${n + 2}` },
    { name: "C failed", path: (n) => `${deliveriesOf(n)}?status=failed` },
    { name: "C pending", path: (n) => `${deliveriesOf(n)}?status=pending` },
    { name: "C common type", path: (n) => `${deliveriesOf(n)}?type=conversation-update` },
    { name: "C rare type", path: (n) => `${deliveriesOf(n)}?type=hang` },
    { name: "C unused type", path: (n) => `${deliveriesOf(n)}?type=error` },
    {
      name: "C a call",
      path: (n) => {
        const { assistantId, callId } = pick(calls, n);
        return `/assistants/v1/assistants/${assistantId}/deliveries?callId=${callId}`;
      },
    },
    { name: "C a day", path: (n) => `${deliveriesOf(n)}?${oneDay(n)}` },
    { name: "C a day, failed", path: (n) => `${deliveriesOf(n)}?${oneDay(n)}&status=failed` },
  ];
}
