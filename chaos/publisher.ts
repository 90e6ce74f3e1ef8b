import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { newId } from "../packages/server/src/ids.ts";
import type { Journal } from "./journal.ts";
import type { Random } from "./random.ts";

/** Reports facts to the services, and writes down what it knows of each. */
export type Publisher = {
  /** Begins to report, so many facts a second at the most. */
  start(rate: number): void;
  /** Begins nothing new; resolves when everything begun is settled, or `giveUpAfterMs` later. */
  stop(giveUpAfterMs: number): Promise<void>;
  /** Makes a call of the API that must succeed; for the stage, before anything goes wrong. */
  call<Answer>(method: "GET" | "POST", path: string, body?: object): Promise<Answer>;
  close(): Promise<void>;
};

export type PublisherOptions = {
  urls: readonly string[];
  apiKey: string;
  journal: Journal;
  random: Random;
  workflowId: string;
  assistantIds: readonly string[];
};

/** A fact under a name of its own, and the events that it makes. */
type Fact = { fact: string; events: readonly string[]; to?: string };

type Request = { method: "POST" | "PATCH"; path: string; body: object };

const lanes = 64;
const requestMsMax = 3_000;
const connectMsMax = 1_000;
/** So many of the facts whose fate is unknown are never asked about again. */
const abandonedShare = 0.1;

/** Opens a publisher that tries again what was not answered, under the same identity and at any service. */
export function openPublisher(options: PublisherOptions): Publisher {
  const { journal, random } = options;
  const pools = options.urls.map(
    (url) =>
      new Pool(url, {
        connections: lanes,
        headersTimeout: requestMsMax,
        bodyTimeout: requestMsMax,
        connect: { timeout: connectMsMax },
      }),
  );
  let stopping = false;
  let giveUpAtMs = Number.POSITIVE_INFINITY;
  let intervalMs = 1_000;
  let nextMs = 0;
  let running: Promise<unknown> = Promise.resolve();

  async function send(service: number, { method, path, body }: Request) {
    const pool = pools[service] as Pool;
    const response = await pool.request({
      method,
      path,
      headers: { authorization: `Bearer ${options.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.statusCode, text: await response.body.text() };
  }

  /** Waits for the next turn, so that all lanes together keep the rate. */
  async function pace(): Promise<void> {
    const now = performance.now();
    nextMs = Math.max(nextMs + intervalMs, now);
    if (nextMs > now) await sleep(nextMs - now);
  }

  /** Reports facts in one request until they are answered; false when it was given up or refused. */
  async function report(facts: readonly Fact[], request: Request): Promise<boolean> {
    for (const _fact of facts) await pace();
    for (const fact of facts) journal.fact({ ...fact, word: "attempted" });
    for (let tries = 1; ; tries++) {
      const service = random.whole(0, pools.length - 1);
      const said = await tell(service, request);
      for (const [index, { fact }] of facts.entries()) {
        const { word, answer } = said(index);
        journal.fact({ fact, word, service, answer });
      }
      const { word } = said(0);
      const known = facts.every((_fact, index) => said(index).word === "acknowledged");
      if (known) return true;
      if (word !== "unknown" || journal.nowMs() > giveUpAtMs) return false;
      if (tries === 1 && random.chance(abandonedShare)) return false;
      await sleep(random.between(50, 400));
    }
  }

  /** Tries once; returns what is known of each fact. */
  async function tell(service: number, request: Request) {
    try {
      const { status, text } = await send(service, request);
      const results: { status: string; error?: { code: string } }[] =
        status === 200 && request.path === "/v1/facts" ? JSON.parse(text).results : [];
      return (index: number) => {
        const result = results[index];
        if (result?.status === "refused")
          return { word: "refused" as const, answer: result.error?.code ?? "refused" };
        const answer = status < 300 ? String(status) : `${status} ${codeIn(text)}`;
        // An outage may well be told by an answer; whether the fact was recorded is then not known.
        const word = status < 300 ? "acknowledged" : status === 503 ? "unknown" : "refused";
        return { word, answer } as const;
      };
    } catch (error) {
      const answer = (error as { code?: string }).code ?? (error as Error).message;
      return () => ({ word: "unknown", answer }) as const;
    }
  }

  const startOf = (run: string): Fact => ({
    fact: `start ${run}`,
    events: [`workflow_run_started:${run}`, `workflow.started:${run}`],
  });
  const endOf = (run: string): Fact => ({
    fact: `end ${run}`,
    events: [`workflow_run_completed:${run}`, `workflow.completed:${run}`],
  });
  const input = () => ({ number: random.whole(1, 1e9), text: "x".repeat(random.whole(0, 600)) });

  async function playRun(): Promise<void> {
    const run = newId();
    const path = "/workflows/v1/workflow-runs";
    const started = await report([startOf(run)], {
      method: "POST",
      path,
      body: { _id: run, workflow_id: options.workflowId, trigger: "manual", input: input() },
    });
    if (!started || random.chance(0.2)) return; // Some runs never end.
    await report([endOf(run)], {
      method: "PATCH",
      path: `${path}/${run}`,
      body: { status: "completed", output: input() },
    });
  }

  async function playBulk(): Promise<void> {
    const runs = Array.from({ length: random.whole(1, 6) }, () => newId());
    const facts = runs.flatMap((run) => [
      {
        type: "run.started",
        id: `start ${run}`,
        data: { _id: run, workflow_id: options.workflowId, trigger: "triggered", input: input() },
      },
      {
        type: "run.updated",
        id: `end ${run}`,
        data: { run_id: run, status: "completed", output: input() },
      },
    ]);
    await report(
      runs.flatMap((run) => [startOf(run), endOf(run)]),
      { method: "POST", path: "/v1/facts", body: { facts } },
    );
  }

  async function playCall(): Promise<void> {
    const assistantId = random.pick(options.assistantIds);
    const call = `WC-${randomUUID()}`;
    const path = "/calls/v1/conversations";
    const tellAll = (fact: string, events: string[], request: Request) =>
      report([{ fact, events, to: assistantId }], request);
    const began = await tellAll(`call ${call}`, [`status-update:${call}:ongoing`], {
      method: "POST",
      path,
      body: { id: call, assistantId, callType: "web", direction: "inbound", status: "ongoing" },
    });
    if (!began) return;
    const messages = random.whole(1, 5);
    for (let number = 1; number <= messages; number++) {
      const said = await tellAll(
        `message ${call} ${number}`,
        [`conversation-update:${call}:${number}`],
        {
          method: "POST",
          path: `${path}/${call}/messages`,
          body: {
            messageId: String(number),
            role: number % 2 ? "user" : "assistant",
            text: `Line ${number}`,
          },
        },
      );
      if (!said) return;
    }
    await tellAll(
      `hang-up ${call}`,
      [`status-update:${call}:finished`, `end-of-call-report:${call}`],
      {
        method: "POST",
        path: `${path}/${call}/end`,
        body: { callEndTriggerBy: "user" },
      },
    );
  }

  async function lane(): Promise<void> {
    while (!stopping) {
      const share = random.next();
      if (share < 0.5) await playRun();
      else if (share < 0.75) await playBulk();
      else await playCall();
    }
  }

  return {
    start(rate) {
      stopping = false;
      giveUpAtMs = Number.POSITIVE_INFINITY;
      intervalMs = 1_000 / rate;
      running = Promise.all(Array.from({ length: lanes }, lane));
    },
    async stop(giveUpAfterMs) {
      stopping = true;
      giveUpAtMs = journal.nowMs() + giveUpAfterMs;
      await running;
    },
    async call<Answer>(method: "GET" | "POST", path: string, body?: object) {
      const response = await (pools[0] as Pool).request({
        method,
        path,
        headers: {
          authorization: `Bearer ${options.apiKey}`,
          ...(body && { "content-type": "application/json" }),
        },
        body: body ? JSON.stringify(body) : null,
      });
      const text = await response.body.text();
      if (response.statusCode >= 300) {
        throw new Error(`${method} ${path} was answered ${response.statusCode}: ${text}`);
      }
      return JSON.parse(text) as Answer;
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.destroy()));
    },
  };
}

/** The error code in a problem's body. */
function codeIn(text: string): string {
  try {
    return JSON.parse(text).code ?? "";
  } catch {
    return "";
  }
}
