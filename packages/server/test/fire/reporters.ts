import { onTestFinished } from "vitest";
import { newId } from "../../src/ids.ts";
import { openReceiver, type Receiver } from "../support/http-receiver.ts";

/** What a service answered; status 0 when there was no answer. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
export type Answered = { status: number; body: any };

/** Callers that report run after run, and remember which ones were acknowledged. */
export type Reporters = {
  receiver: Receiver;
  call(method: string, path: string, body?: object): Promise<Answered>;
  /** Reports one run; a 2xx is remembered. */
  report(): Promise<Answered>;
  /** Reports over and over, in some lanes, until the returned function is called. */
  start(lanes: number): () => Promise<void>;
  acknowledged: ReadonlySet<string>;
  /** How often each status was answered. */
  answers: ReadonlyMap<number, number>;
  /** Acknowledged runs that have not arrived. */
  missing(): string[];
};

const callMsMax = 60_000;
const pauseMs = 20;

/** Subscribes a receiver to the runs of a service, and reports runs to it. */
export async function openReporters(url: string, apiKey: string): Promise<Reporters> {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const acknowledged = new Set<string>();
  const answers = new Map<number, number>();

  const call: Reporters["call"] = async (method, path, body) => {
    try {
      const response = await fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(callMsMax),
      });
      return { status: response.status, body: await response.json() };
    } catch (error) {
      return { status: 0, body: error };
    }
  };
  const workflows = "/workflows/v1";
  const workflow = await call("POST", `${workflows}/workflows`, { name: "under fire" });
  const subscription = await call("POST", `${workflows}/workflow-webhooks`, {
    name: "ledger",
    url: `${receiver.origin}/`,
    actions: ["workflow_run_started"],
    timeout_seconds: 1,
    retry_backoff_seconds: 1,
  });
  if (workflow.status !== 201 || subscription.status !== 201) throw new Error("not subscribed");

  const report = async () => {
    const id = newId();
    const run = { _id: id, workflow_id: workflow.body.workflow.id, trigger: "manual" };
    const answered = await call("POST", `${workflows}/workflow-runs`, run);
    answers.set(answered.status, (answers.get(answered.status) ?? 0) + 1);
    if (answered.status === 201) acknowledged.add(id);
    return answered;
  };
  const arrivals = () =>
    receiver.requests.map(({ body }) => JSON.parse(body.toString("utf8")).workflow_run_id);

  return {
    receiver,
    call,
    report,
    start(lanes) {
      let stopped = false;
      const lane = async () => {
        while (!stopped) {
          await report();
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      };
      const all = Array.from({ length: lanes }, lane);
      return async () => {
        stopped = true;
        await Promise.all(all);
      };
    },
    acknowledged,
    answers,
    missing() {
      const arrived = new Set(arrivals());
      return [...acknowledged].filter((id) => !arrived.has(id));
    },
  };
}
