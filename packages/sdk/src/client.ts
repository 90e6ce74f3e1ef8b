import { type ClientOptions, requireClientOptions } from "./client-options.ts";
import { openDirectSink } from "./direct-sink.ts";
import { openStreams } from "./event-stream.ts";
import { type BufferOptions, openFactBuffer } from "./fact-buffer.ts";
import type { Fact, FactResults, FactSink } from "./facts.ts";
import { openSend, type RequestOptions, type Send, wait } from "./request.ts";
import { assistants } from "./resources/assistants.ts";
import { audit } from "./resources/audit.ts";
import { calls } from "./resources/calls.ts";
import { deliveries } from "./resources/deliveries.ts";
import { endpoints } from "./resources/endpoints.ts";
import { eventTypes } from "./resources/event-types.ts";
import { listeners } from "./resources/listeners.ts";
import { operationalWebhooks } from "./resources/operational-webhooks.ts";
import { portalLinks } from "./resources/portal-links.ts";
import { replays } from "./resources/replays.ts";
import { runs } from "./resources/runs.ts";
import { sessions } from "./resources/sessions.ts";
import { stats } from "./resources/stats.ts";
import { apiKeys, me, teams } from "./resources/teams.ts";
import { webhooks } from "./resources/webhooks.ts";
import { workflowWebhooks } from "./resources/workflow-webhooks.ts";
import { workflows } from "./resources/workflows.ts";

/** The API of one Postrider for one team; each member is a resource, each method one of its routes. */
export class Postrider {
  readonly workflowWebhooks: ReturnType<typeof workflowWebhooks>;
  readonly operationalWebhooks: ReturnType<typeof operationalWebhooks>;
  readonly workflows: ReturnType<typeof workflows>;
  readonly runs: ReturnType<typeof runs>;
  readonly webhooks: ReturnType<typeof webhooks>;
  readonly assistants: ReturnType<typeof assistants>;
  readonly calls: ReturnType<typeof calls>;
  readonly deliveries: ReturnType<typeof deliveries>;
  readonly endpoints: ReturnType<typeof endpoints>;
  readonly listeners: ReturnType<typeof listeners>;
  readonly replays: ReturnType<typeof replays>;
  readonly eventTypes: ReturnType<typeof eventTypes>;
  readonly facts: ReturnType<typeof facts>;
  readonly teams: ReturnType<typeof teams>;
  readonly apiKeys: ReturnType<typeof apiKeys>;
  readonly portalLinks: ReturnType<typeof portalLinks>;
  readonly sessions: ReturnType<typeof sessions>;
  readonly me: ReturnType<typeof me>;
  readonly audit: ReturnType<typeof audit>;
  readonly stats: ReturnType<typeof stats>;
  /** Opens a buffer for facts, to pass to `runs.start` and `calls.start`; await its `flush` at the end. */
  readonly buffer: (options?: BufferOptions) => FactSink;

  constructor(options: ClientOptions) {
    requireClientOptions(options);
    const send = openSend(options);
    const { now = Date.now, delay = wait, onReportError, reportPatienceMs = 30_000 } = options;
    const reporting = { direct: openDirectSink(send, reportPatienceMs), now, onReportError };
    this.workflowWebhooks = workflowWebhooks(send, delay);
    this.operationalWebhooks = operationalWebhooks(send);
    this.workflows = workflows(send);
    this.runs = runs(send, reporting);
    this.webhooks = webhooks(send);
    this.assistants = assistants(send);
    this.calls = calls(send, reporting);
    this.deliveries = deliveries(send, openStreams(options));
    this.endpoints = endpoints(send);
    this.listeners = listeners(send, openStreams(options));
    this.replays = replays(send, delay);
    this.eventTypes = eventTypes(send);
    this.facts = facts(send);
    this.teams = teams(send);
    this.apiKeys = apiKeys(send);
    this.portalLinks = portalLinks(send);
    this.sessions = sessions(send);
    this.me = me(send);
    this.audit = audit(send);
    this.stats = stats(send);
    this.buffer = (own) => openFactBuffer(send, delay, own, onReportError);
  }
}

const facts = (send: Send) => ({
  /** Reports up to 1,000 facts in order. Check `results`: each fact is recorded or refused separately. */
  report: (facts: readonly Fact[], options: RequestOptions = {}) =>
    send<FactResults>({ method: "POST", path: "/v1/facts", body: { facts } }, options),
});
