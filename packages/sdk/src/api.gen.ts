// Written by packages/sdk/scripts/write-types.ts from packages/server/openapi.json; do not edit.

export type ActivateWorkflowVersionAnswer = {
  workflow: Workflow;
};

export type ApiKey = {
  id: string;
  name: string;
  prefix: string | null;
  last4: string | null;
  scopes: ("read" | "write" | "publish" | "payload" | "admin")[];
  default_team_id: string | null;
  teams: {
    id: string;
    name: string;
  }[];
  created_at: string;
  last_used_at: string | null;
  expires_at: string | null;
  revoked_at: string | null;
  /** It is somebody who signs in with the provider, and no key that anybody holds. */
  person: boolean;
};

export type ApiKeyCreate = {
  name: string;
  scopes: ("read" | "write" | "publish" | "payload" | "admin")[];
  team_ids?: string[];
  default_team_id?: string;
  expires_in_seconds?: number | null;
};

export type Assistant = {
  id: string;
  name: string;
  assistantServer: {
    enabled: boolean;
    disabledReason: "manual" | "failing" | null;
    url: string | null;
    timeoutSeconds: number;
    hasSecret: boolean;
    headerNames: string[];
    messages: string[];
  };
  hangTimeoutSeconds: number;
  endReportWaitSeconds: number;
  createdAt: string;
  updatedAt: string;
  documentOmitted?: true;
} & { [name: string]: unknown };

export type AssistantCreate = {
  name: string;
  assistantServer?: AssistantServerChange;
  hangTimeoutSeconds?: number;
  /** How long the end-of-call-report waits after `finished` for `/end` with the recording, the cost or the analysis. The report is sent with the first of these details, or when the time is over. Applies to calls that finish from now on. */
  endReportWaitSeconds?: number;
} & { [name: string]: unknown };

export type AssistantDelivery = {
  _id: string;
  event_id: string;
  subscription_id: string;
  type: string;
  callId: string | null;
  team_id: string;
  dedupe_key: string | null;
  status: "pending" | "retrying" | "delivered" | "failed";
  attempts_count: number;
  delivered_at: string | null;
  last_attempt_at: string | null;
  last_status_code: number | null;
  last_error: string | null;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  payload_omitted?: true;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  payload: Record<string, unknown> | null;
};

export type AssistantServerChange = {
  enabled?: boolean;
  url?: string | null;
  timeoutSeconds?: number;
  secret?: string | null;
  headers?: Record<string, string> | null;
  messages?: ("status-update" | "conversation-update" | "end-of-call-report" | "hang" | "error")[];
};

/** The assistant with all its own members, but never its assistantServer. */
export type AssistantSnapshot = {
  id: string;
  name: string;
  hangTimeoutSeconds: number;
  endReportWaitSeconds: number;
} & { [name: string]: unknown };

export type AssistantUpdate = {
  name?: string;
  assistantServer?: AssistantServerChange;
  hangTimeoutSeconds?: number;
  /** How long the end-of-call-report waits after `finished` for `/end` with the recording, the cost or the analysis. The report is sent with the first of these details, or when the time is over. Applies to calls that finish from now on. */
  endReportWaitSeconds?: number;
} & { [name: string]: unknown };

/** Milliseconds; null for a phase that did not happen, for example on a reused connection. */
export type AttemptTiming = {
  /** Resolving the receiver's name. */
  dns: number | null;
  /** Opening a connection, through the operator's proxy if one is set. */
  connect: number | null;
  /** The TLS handshake. */
  tls: number | null;
  /** From the request to the end of the answer's headers, or to the end of the attempt. */
  wait: number | null;
  /** Reading the body of the answer. */
  read: number | null;
};

export type AuditEntry = {
  id: string;
  created_at: string;
  actor: {
    id: string;
    name: string;
  };
  action: string;
  subject: {
    type: string;
    id: string;
  };
  request_id: string;
};

export type BacklogGrowing = {
  event_id: string;
  type: "backlog.growing";
  timestamp: string;
  data: {
    /** Only for webhooks with `all_teams`. */
    team_id?: string;
    /** Only on a test event. */
    test?: true;
    backlog: ToldBacklog;
  };
};

export type CallCreate = {
  id?: string;
  assistantId: string;
  /** By default, the prefix of `id` decides. */
  callType?: "web" | "phone";
  direction?: "inbound" | "outbound";
  status?: "queued" | "ongoing";
  userNumber?: string | null;
  assistantNumber?: string | null;
  phoneProvider?: string | null;
  metadata?: unknown;
  occurredAt?: string;
};

export type CallEnd = {
  phoneCallStatus?: string | null;
  phoneCallStatusReason?: string | null;
  callEndTriggerBy?: string | null;
  assistantCallDuration?: number | null;
  recording?: unknown;
  analysis?: unknown;
  cost?: unknown;
  metrics?: unknown;
  occurredAt?: string;
};

export type CallError = {
  type: "llm_error" | "stt_error";
  code?: string | null;
  message?: string | null;
  provider?: string | null;
  retryable?: boolean | null;
  occurredAt?: string;
};

export type CallFailure = {
  type: "llm_error" | "stt_error";
  code: string | null;
  message: string | null;
  provider: string | null;
  retryable: boolean | null;
};

export type CallMessage = {
  messageId: string;
  role: "user" | "assistant";
  text: string | null;
  timestamp: number;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  metrics?: unknown;
};

export type CallMessageReport = {
  messageId?: string;
  role: "user" | "assistant";
  text: string;
  timestamp?: number;
  metrics?: unknown;
  occurredAt?: string;
};

export type CallReport = {
  id: string;
  teamId: string;
  assistantId: string;
  callType: "web" | "phone";
  direction: "inbound" | "outbound";
  startAt: string | null;
  endAt: string | null;
  userNumber: string | null;
  assistantNumber: string | null;
  status: "queued" | "ongoing" | "forwarded" | "finished";
  phoneCallStatus: string | null;
  phoneCallStatusReason: string | null;
  callEndTriggerBy: string | null;
  assistantCallDuration: number | null;
  /** Any JSON, exactly as it was reported. */
  recording: unknown;
  /** Any JSON, exactly as it was reported. */
  metadata: unknown;
  /** Any JSON, exactly as it was reported. */
  cost: unknown;
  /** Computed from the messages: durationMs, messageCount, turnCount, turns, responseTimeMs, interruptionCount. A reported metric with the same name replaces the computed one. */
  metrics: Record<string, unknown>;
};

export type CallSnapshot = {
  id: string;
  teamId: string;
  assistantId: string;
  callType: "web" | "phone";
  direction: "inbound" | "outbound";
  startAt: string | null;
  endAt: string | null;
  userNumber: string | null;
  assistantNumber: string | null;
  status: "queued" | "ongoing" | "forwarded" | "finished";
  phoneCallStatus: string | null;
  phoneCallStatusReason: string | null;
  callEndTriggerBy: string | null;
  assistantCallDuration: number | null;
  /** Any JSON, exactly as it was reported. */
  recording: unknown;
  /** Any JSON, exactly as it was reported. */
  metadata: unknown;
};

export type CallStatus = {
  status: "queued" | "ongoing" | "forwarded" | "finished";
  phoneCallStatus?: string | null;
  phoneCallStatusReason?: string | null;
  occurredAt?: string;
};

export type Change = {
  path: string;
  /** Any JSON, exactly as it was reported. */
  old_value: unknown;
  /** Any JSON, exactly as it was reported. */
  new_value: unknown;
};

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_call_created = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "call.created";
  time?: string | null;
  datacontenttype?: string | null;
  data: CallCreate;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_call_ended = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "call.ended";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_call_ended;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_call_error = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "call.error";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_call_error;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_call_message = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "call.message";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_call_message;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_call_status = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "call.status";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_call_status;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_run_started = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "run.started";
  time?: string | null;
  datacontenttype?: string | null;
  data: RunStart;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_run_updated = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "run.updated";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_run_updated;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_step_completed = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "step.completed";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_step_completed;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_step_failed = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "step.failed";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_step_failed;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_step_started = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "step.started";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_step_started;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_workflow_created = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "workflow.created";
  time?: string | null;
  datacontenttype?: string | null;
  data: WorkflowCreate;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_workflow_deleted = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "workflow.deleted";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_workflow_deleted;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_workflow_updated = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "workflow.updated";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_workflow_updated;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_workflow_version_activated = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "workflow.version_activated";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_workflow_version_activated;
  data_base64?: null;
} & { [name: string]: unknown };

/** A CloudEvent 1.0; `data` has the same form as in the plain form of this `type`. */
export type CloudEvent_workflow_version_created = {
  specversion: "1.0";
  id: string;
  source: string;
  type: "workflow.version_created";
  time?: string | null;
  datacontenttype?: string | null;
  data: Data_workflow_version_created;
  data_base64?: null;
} & { [name: string]: unknown };

export type Conversation = {
  id: string;
  teamId: string;
  assistantId: string;
  callType: "web" | "phone";
  direction: "inbound" | "outbound";
  status: "queued" | "ongoing" | "forwarded" | "finished";
  startAt: string | null;
  endAt: string | null;
  userNumber: string | null;
  assistantNumber: string | null;
  phoneProvider: string | null;
  phoneCallStatus: string | null;
  phoneCallStatusReason: string | null;
  callEndTriggerBy: string | null;
  assistantCallDuration: number | null;
  messageCount: number;
  createdBy: string;
  updatedBy: string;
  createdAt: string;
  updatedAt: string;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  metadata: unknown;
  recording: unknown;
  analysis: unknown;
  cost: unknown;
  metrics: unknown;
};

export type ConversationUpdate = {
  message: {
    type: "conversation-update";
    /** Unix time in milliseconds. */
    timestamp: number;
    call: CallSnapshot;
    assistant: AssistantSnapshot;
    phone: {
      provider: {
        name: string;
      };
    };
    customer: {
      number: string;
    };
    /** Any JSON, exactly as it was reported. */
    analysis: unknown;
    /** The whole conversation so far. */
    messages: MessageSnapshot[];
  };
};

export type ConversationWithMessages = {
  id: string;
  teamId: string;
  assistantId: string;
  callType: "web" | "phone";
  direction: "inbound" | "outbound";
  status: "queued" | "ongoing" | "forwarded" | "finished";
  startAt: string | null;
  endAt: string | null;
  userNumber: string | null;
  assistantNumber: string | null;
  phoneProvider: string | null;
  phoneCallStatus: string | null;
  phoneCallStatusReason: string | null;
  callEndTriggerBy: string | null;
  assistantCallDuration: number | null;
  messageCount: number;
  createdBy: string;
  updatedBy: string;
  createdAt: string;
  updatedAt: string;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  metadata: unknown;
  recording: unknown;
  analysis: unknown;
  cost: unknown;
  metrics: unknown;
  messages: CallMessage[];
};

export type CreateWorkflowAnswer = {
  workflow: Workflow;
};

export type CreateWorkflowVersionAnswer = {
  version_number: number;
  version_name: string | null;
  workflow: Workflow;
  version: WorkflowVersion;
};

export type Data_call_ended = {
  call_id: string;
  phoneCallStatus?: string | null;
  phoneCallStatusReason?: string | null;
  callEndTriggerBy?: string | null;
  assistantCallDuration?: number | null;
  recording?: unknown;
  analysis?: unknown;
  cost?: unknown;
  metrics?: unknown;
  occurredAt?: string;
};

export type Data_call_error = {
  call_id: string;
  type: "llm_error" | "stt_error";
  code?: string | null;
  message?: string | null;
  provider?: string | null;
  retryable?: boolean | null;
  occurredAt?: string;
};

export type Data_call_message = {
  call_id: string;
  messageId?: string;
  role: "user" | "assistant";
  text: string;
  timestamp?: number;
  metrics?: unknown;
  occurredAt?: string;
};

export type Data_call_status = {
  call_id: string;
  status: "queued" | "ongoing" | "forwarded" | "finished";
  phoneCallStatus?: string | null;
  phoneCallStatusReason?: string | null;
  occurredAt?: string;
};

export type Data_run_updated = {
  run_id: string;
  status?: "running" | "paused" | "completed" | "failed" | "cancelled";
  output?: unknown;
  collected_information?: unknown;
  error?: unknown;
  occurred_at?: string;
};

export type Data_step_completed = {
  run_id: string;
  step_id: string;
  status?: "completed";
  name?: string;
  index?: number | null;
  /** The attempt that this report is about. Default: the present attempt, or the next one after a failure. */
  attempt?: number;
  output?: unknown;
  error?: unknown;
  occurred_at?: string;
};

export type Data_step_failed = {
  run_id: string;
  step_id: string;
  status?: "failed";
  name?: string;
  index?: number | null;
  /** The attempt that this report is about. Default: the present attempt, or the next one after a failure. */
  attempt?: number;
  output?: unknown;
  error?: unknown;
  occurred_at?: string;
};

export type Data_step_started = {
  run_id: string;
  step_id: string;
  status?: "started";
  name?: string;
  index?: number | null;
  /** The attempt that this report is about. Default: the present attempt, or the next one after a failure. */
  attempt?: number;
  output?: unknown;
  error?: unknown;
  occurred_at?: string;
};

export type Data_workflow_deleted = {
  workflow_id: string;
  occurred_at?: string;
};

export type Data_workflow_updated = {
  workflow_id: string;
  name?: string;
  description?: string | null;
  configuration?: Record<string, unknown> | null;
  settings?: Record<string, unknown> | null;
  occurred_at?: string;
};

export type Data_workflow_version_activated = {
  workflow_id: string;
  version_number: number;
  occurred_at?: string;
};

export type Data_workflow_version_created = {
  workflow_id: string;
  _id?: string;
  version_name?: string | null;
  mark_as_active?: boolean;
  occurred_at?: string;
};

export type Delivery = {
  id: string;
  endpoint_id: string;
  contract: "workflow" | "organisation" | "assistant" | "operational" | "listener";
  event_type: string;
  event_id: string;
  /** A test event. */
  test: boolean;
  status: "pending" | "retrying" | "delivered" | "failed";
  /** Attempts that have ended. */
  attempts_count: number;
  status_code: number | null;
  error_code: string | null;
  duration_ms: number | null;
  workflow_id: string | null;
  run_id: string | null;
  step_id: string | null;
  call_id: string | null;
  message_id: string | null;
  assistant_id: string | null;
  created_at: string;
  updated_at: string;
  next_attempt_at: string | null;
  delivered_at: string | null;
};

export type DeliveryAttempt = {
  number: number;
  at: string;
  url: string;
  /** The IP address of the receiver; null if no address was contacted, or if only the proxy knows it. */
  address: string | null;
  /** Names in lower case. Custom headers and secrets are `***`. Null if nothing was sent. */
  request_headers: Record<string, string> | null;
  status_code: number | null;
  /** Names in lower case, at most 4 KiB. Repeated headers are joined by commas; cookies are `***`. */
  response_headers: Record<string, string> | null;
  response_body: string | null;
  response_truncated: boolean;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  error_code: string | null;
  error: string | null;
  duration_ms: number | null;
  timing: AttemptTiming | null;
  will_retry: boolean;
  /** `system`, or the id of the API key or session that requested it. */
  actor: string;
};

export type DeliveryDetails = {
  id: string;
  endpoint_id: string;
  contract: "workflow" | "organisation" | "assistant" | "operational" | "listener";
  event_type: string;
  event_id: string;
  /** A test event. */
  test: boolean;
  status: "pending" | "retrying" | "delivered" | "failed";
  /** Attempts that have ended. */
  attempts_count: number;
  status_code: number | null;
  error_code: string | null;
  duration_ms: number | null;
  workflow_id: string | null;
  run_id: string | null;
  step_id: string | null;
  call_id: string | null;
  message_id: string | null;
  assistant_id: string | null;
  created_at: string;
  updated_at: string;
  next_attempt_at: string | null;
  delivered_at: string | null;
  request: {
    body: string | null;
    /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
    hidden?: string[];
  };
  attempts: DeliveryAttempt[];
};

export type DeliveryExhausted = {
  event_id: string;
  type: "delivery.exhausted";
  timestamp: string;
  data: {
    /** Only for webhooks with `all_teams`. */
    team_id?: string;
    /** Only on a test event. */
    test?: true;
    delivery: ToldDelivery;
  };
};

export type DeliveryFilter = {
  endpoint_id?: string | string[];
  contract?:
    | "workflow"
    | "organisation"
    | "assistant"
    | "operational"
    | "listener"
    | ("workflow" | "organisation" | "assistant" | "operational" | "listener")[];
  event_type?:
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed"
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed"
    | "status-update"
    | "conversation-update"
    | "end-of-call-report"
    | "hang"
    | "error"
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing"
    | (
        | "workflow_created"
        | "workflow_updated"
        | "workflow_deleted"
        | "workflow_run_started"
        | "workflow_run_completed"
        | "workflow.started"
        | "workflow.completed"
        | "workflow.failed"
        | "workflow.step.started"
        | "workflow.step.completed"
        | "workflow.step.failed"
        | "status-update"
        | "conversation-update"
        | "end-of-call-report"
        | "hang"
        | "error"
        | "endpoint.failing"
        | "endpoint.recovered"
        | "endpoint.disabled"
        | "delivery.exhausted"
        | "replay.completed"
        | "backlog.growing"
      )[];
  status?:
    | "pending"
    | "retrying"
    | "delivered"
    | "failed"
    | ("pending" | "retrying" | "delivered" | "failed")[];
  /** A workflow, a run, a step (`<run id>:<step id>`), a call or an assistant. Deliveries of its children match too. */
  subject_id?: string;
  event_id?: string | string[];
  error_code?: string | string[];
  from?: string;
  to?: string;
};

export type EndOfCallReport = {
  message: {
    type: "end-of-call-report";
    /** Unix time in milliseconds. */
    timestamp: number;
    call: CallReport;
    assistant: AssistantSnapshot;
    phone: {
      provider: {
        name: string;
      };
    };
    customer: {
      number: string;
    };
    /** Any JSON, exactly as it was reported. */
    analysis: unknown;
    /** The whole conversation so far. */
    messages: MessageSnapshot[];
  };
};

export type Endpoint = {
  id: string;
  contract: "workflow" | "organisation" | "assistant" | "operational" | "listener";
  name: string;
  url: string;
  event_types: string[];
  enabled: boolean;
  disabled_reason: "manual" | "failing" | null;
  /** Null: none yet. */
  filter: null;
  /** Null: none yet. */
  rate_limit_per_second: null;
  created_at: string;
  updated_at: string;
  health: EndpointHealth;
};

export type EndpointDisabled = {
  event_id: string;
  type: "endpoint.disabled";
  timestamp: string;
  data: {
    /** Only for webhooks with `all_teams`. */
    team_id?: string;
    /** Only on a test event. */
    test?: true;
    endpoint: ToldEndpoint;
  };
};

export type EndpointFailing = {
  event_id: string;
  type: "endpoint.failing";
  timestamp: string;
  data: {
    /** Only for webhooks with `all_teams`. */
    team_id?: string;
    /** Only on a test event. */
    test?: true;
    endpoint: ToldEndpoint;
  };
};

export type EndpointHealth = {
  state: "healthy" | "failing" | "disabled" | "idle";
  since: string;
  last_success_at: string | null;
  last_failure_at: string | null;
  last_error_code: string | null;
  success_rate_1h: number | null;
  p95_ms_1h: number | null;
  pending: number;
  /** Only present if more deliveries wait than were counted. */
  pending_is_estimate?: true;
  oldest_due_at: string | null;
  breaker: "closed" | "open" | "probing";
  next_probe_at: string | null;
  last_failing: {
    from: string;
    to: string;
  } | null;
};

export type EndpointRecovered = {
  event_id: string;
  type: "endpoint.recovered";
  timestamp: string;
  data: {
    /** Only for webhooks with `all_teams`. */
    team_id?: string;
    /** Only on a test event. */
    test?: true;
    endpoint: ToldEndpoint;
  };
};

export type EraseTeamAnswer = {
  id: string;
  message: string;
};

export type EventType = {
  type: string;
  contract: "workflow" | "organisation" | "assistant" | "operational";
  /** When it is sent. */
  description: string;
  /** The JSON Schema of the body. */
  schema: Record<string, unknown>;
  /** A body as it is posted. */
  sample: Record<string, unknown>;
  /** The maximum size of a body of this type. */
  max_bytes: number;
};

export type FactList = {
  facts: (
    | Fact_workflow_created
    | Fact_workflow_updated
    | Fact_workflow_version_created
    | Fact_workflow_version_activated
    | Fact_workflow_deleted
    | Fact_run_started
    | Fact_run_updated
    | Fact_step_started
    | Fact_step_completed
    | Fact_step_failed
    | Fact_call_created
    | Fact_call_status
    | Fact_call_message
    | Fact_call_error
    | Fact_call_ended
  )[];
};

export type FactResult = {
  index: number;
  status: "recorded" | "repeated" | "refused";
  id: string | null;
  error?: {
    code: string;
    title: string;
    detail: string;
    errors?: {
      loc: (string | number)[];
      msg: string;
      type: string;
    }[];
  };
};

export type Fact_call_created = {
  type: "call.created";
  id?: string;
  occurred_at?: string;
  data: CallCreate;
};

export type Fact_call_ended = {
  type: "call.ended";
  id?: string;
  occurred_at?: string;
  data: Data_call_ended;
};

export type Fact_call_error = {
  type: "call.error";
  id?: string;
  occurred_at?: string;
  data: Data_call_error;
};

export type Fact_call_message = {
  type: "call.message";
  id?: string;
  occurred_at?: string;
  data: Data_call_message;
};

export type Fact_call_status = {
  type: "call.status";
  id?: string;
  occurred_at?: string;
  data: Data_call_status;
};

export type Fact_run_started = {
  type: "run.started";
  id?: string;
  occurred_at?: string;
  data: RunStart;
};

export type Fact_run_updated = {
  type: "run.updated";
  id?: string;
  occurred_at?: string;
  data: Data_run_updated;
};

export type Fact_step_completed = {
  type: "step.completed";
  id?: string;
  occurred_at?: string;
  data: Data_step_completed;
};

export type Fact_step_failed = {
  type: "step.failed";
  id?: string;
  occurred_at?: string;
  data: Data_step_failed;
};

export type Fact_step_started = {
  type: "step.started";
  id?: string;
  occurred_at?: string;
  data: Data_step_started;
};

export type Fact_workflow_created = {
  type: "workflow.created";
  id?: string;
  occurred_at?: string;
  data: WorkflowCreate;
};

export type Fact_workflow_deleted = {
  type: "workflow.deleted";
  id?: string;
  occurred_at?: string;
  data: Data_workflow_deleted;
};

export type Fact_workflow_updated = {
  type: "workflow.updated";
  id?: string;
  occurred_at?: string;
  data: Data_workflow_updated;
};

export type Fact_workflow_version_activated = {
  type: "workflow.version_activated";
  id?: string;
  occurred_at?: string;
  data: Data_workflow_version_activated;
};

export type Fact_workflow_version_created = {
  type: "workflow.version_created";
  id?: string;
  occurred_at?: string;
  data: Data_workflow_version_created;
};

export type GetRunAnswer = {
  id: string;
  workflow_id: string;
  status: "started" | "running" | "paused" | "completed" | "failed" | "cancelled";
  version_number: number;
  started_at: string;
  completed_at: string | null;
  created_at: string;
  updated_at: string;
  run: Run;
};

export type GetStatsAnswer = {
  buckets: StatsBucket[];
};

export type GetStatsQuery = {
  from?: string;
  to?: string;
  step?: "minute" | "hour" | "day";
  endpoint_id?: string;
  contract?: "workflow" | "organisation" | "assistant" | "operational" | "listener";
  event_type?: string;
};

export type GetStepAnswer = {
  step: Step;
};

export type GetWorkflowAnswer = {
  workflow: Workflow;
};

export type Hang = {
  message: {
    type: "hang";
    /** Unix time in milliseconds. */
    timestamp: number;
    call: CallSnapshot;
    assistant: AssistantSnapshot;
    phone: {
      provider: {
        name: string;
      };
    };
    customer: {
      number: string;
    };
    /** Any JSON, exactly as it was reported. */
    analysis: unknown;
    /** The whole conversation so far. */
    messages: MessageSnapshot[];
  };
};

export type ListAllWebhookLogsAnswer = {
  logs: WebhookLog[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  limit: number;
  /** Missing in answers to a `cursor`. */
  offset?: number;
};

export type ListAllWebhookLogsQuery = {
  limit?: number;
  offset?: number;
  cursor?: string;
  start?: string;
  end?: string;
  event_type?:
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed";
};

export type ListApiKeysAnswer = {
  api_keys: ApiKey[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListApiKeysQuery = {
  limit?: number;
  cursor?: string;
};

export type ListAssistantDeliveriesAnswer = {
  deliveries: AssistantDelivery[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListAssistantDeliveriesQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  type?: "status-update" | "conversation-update" | "end-of-call-report" | "hang" | "error";
  callId?: string;
  status?: "pending" | "retrying" | "delivered" | "failed";
  start?: string;
  end?: string;
};

export type ListAssistantsAnswer = {
  assistants: Assistant[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListAssistantsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  search?: string;
};

export type ListAuditEntriesAnswer = {
  entries: AuditEntry[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListAuditEntriesQuery = {
  limit?: number;
  cursor?: string;
  actor?: string;
  action?:
    | "workflow_webhook.created"
    | "workflow_webhook.updated"
    | "workflow_webhook.deleted"
    | "workflow_webhook.tested"
    | "workflow_webhook.signing_secret_revealed"
    | "workflow_webhook.signing_secret_rotated"
    | "webhook.created"
    | "webhook.updated"
    | "webhook.deleted"
    | "webhook.tested"
    | "webhook.signing_secret_revealed"
    | "webhook.signing_secret_rotated"
    | "assistant.created"
    | "assistant.updated"
    | "assistant.deleted"
    | "assistant.signing_secret_revealed"
    | "assistant.signing_secret_rotated"
    | "operational_webhook.created"
    | "operational_webhook.updated"
    | "operational_webhook.deleted"
    | "operational_webhook.tested"
    | "operational_webhook.signing_secret_revealed"
    | "operational_webhook.signing_secret_rotated"
    | "endpoint.enabled"
    | "endpoint.disabled"
    | "listener.opened"
    | "listener.ended"
    | "delivery.redelivered"
    | "replay.started"
    | "replay.cancelled"
    | "api_key.created"
    | "api_key.revoked"
    | "api_key.withdrawn"
    | "team.created"
    | "team.updated"
    | "session.opened"
    | "session.ended"
    | "portal_link.created"
    | "portal_link.revoked"
    | "run.erased"
    | "call.erased";
  subject?: string;
  since?: string;
  until?: string;
};

export type ListConversationsAnswer = {
  conversations: ListedConversation[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListConversationsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  assistantId?: string;
  status?: "queued" | "ongoing" | "forwarded" | "finished";
};

export type ListDeliveriesAnswer = {
  deliveries: Delivery[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListDeliveriesQuery = {
  limit?: number;
  cursor?: string;
  endpoint_id?: string[];
  contract?: ("workflow" | "organisation" | "assistant" | "operational" | "listener")[];
  event_type?: (
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed"
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed"
    | "status-update"
    | "conversation-update"
    | "end-of-call-report"
    | "hang"
    | "error"
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing"
  )[];
  status?: ("pending" | "retrying" | "delivered" | "failed")[];
  subject_id?: string;
  event_id?: string[];
  error_code?: string[];
  from?: string;
  to?: string;
};

export type ListEndpointsAnswer = {
  endpoints: Endpoint[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListEndpointsQuery = {
  limit?: number;
  cursor?: string;
  contract?: ("workflow" | "organisation" | "assistant" | "operational" | "listener")[];
  state?: ("healthy" | "failing" | "disabled" | "idle")[];
  search?: string;
};

export type ListEventTypesAnswer = {
  event_types: EventType[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListEventTypesQuery = {
  limit?: number;
  cursor?: string;
};

export type ListOperationalWebhookAttemptsAnswer = {
  attempts: OperationalWebhookAttempt[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListOperationalWebhookAttemptsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
};

export type ListOperationalWebhookEventsAnswer = {
  events: OperationalWebhookEvent[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListOperationalWebhookEventsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  subscription_id?: string;
  workflow_id?: string;
  action?:
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing";
  status?: "pending" | "retrying" | "delivered" | "failed";
  search?: string;
  start?: string;
  end?: string;
};

export type ListOperationalWebhooksAnswer = {
  subscriptions: OperationalWebhook[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListOperationalWebhooksQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  search?: string;
  enabled?: boolean;
  action?:
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing";
};

export type ListPortalLinksAnswer = {
  portal_links: PortalLink[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListPortalLinksQuery = {
  limit?: number;
  cursor?: string;
};

export type ListReplaysAnswer = {
  replays: Replay[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListReplaysQuery = {
  limit?: number;
  cursor?: string;
};

export type ListRunsAnswer = {
  runs: Run[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListRunsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  workflow_id?: string;
  status?: "started" | "running" | "paused" | "completed" | "failed" | "cancelled";
  search?: string;
  start?: string;
  end?: string;
};

export type ListSessionsAnswer = {
  sessions: Session[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListSessionsQuery = {
  limit?: number;
  cursor?: string;
};

export type ListStepsAnswer = {
  steps: Step[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListStepsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
};

export type ListTeamsAnswer = {
  teams: Team[];
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
};

export type ListTeamsQuery = {
  limit?: number;
  cursor?: string;
};

export type ListWebhookLogsAnswer = {
  logs: WebhookLog[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  limit: number;
  /** Missing in answers to a `cursor`. */
  offset?: number;
};

export type ListWebhookLogsQuery = {
  limit?: number;
  offset?: number;
  cursor?: string;
  start?: string;
  end?: string;
};

export type ListWebhooksAnswer = {
  webhooks: Webhook[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  limit: number;
  /** Missing in answers to a `cursor`. */
  offset?: number;
};

export type ListWebhooksQuery = {
  limit?: number;
  offset?: number;
  cursor?: string;
};

export type ListWorkflowWebhookAttemptsAnswer = {
  attempts: WorkflowWebhookAttempt[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListWorkflowWebhookAttemptsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
};

export type ListWorkflowWebhookEventsAnswer = {
  events: WorkflowWebhookEvent[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListWorkflowWebhookEventsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  subscription_id?: string;
  workflow_id?: string;
  action?:
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed";
  status?: "pending" | "retrying" | "delivered" | "failed";
  search?: string;
  start?: string;
  end?: string;
};

export type ListWorkflowWebhooksAnswer = {
  subscriptions: WorkflowWebhook[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListWorkflowWebhooksQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  search?: string;
  enabled?: boolean;
  action?:
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed";
};

export type ListWorkflowsAnswer = {
  workflows: Workflow[];
  total: number;
  total_is_estimate?: true;
  /** The `cursor` of the next page; null on the last page. */
  next_cursor: string | null;
  /** Missing in answers to a `cursor`. */
  page?: number;
  size: number;
};

export type ListWorkflowsQuery = {
  page?: number;
  size?: number;
  cursor?: string;
  search?: string;
};

export type ListedConversation = {
  id: string;
  teamId: string;
  assistantId: string;
  callType: "web" | "phone";
  direction: "inbound" | "outbound";
  status: "queued" | "ongoing" | "forwarded" | "finished";
  startAt: string | null;
  endAt: string | null;
  userNumber: string | null;
  assistantNumber: string | null;
  phoneProvider: string | null;
  phoneCallStatus: string | null;
  phoneCallStatusReason: string | null;
  callEndTriggerBy: string | null;
  assistantCallDuration: number | null;
  messageCount: number;
  createdBy: string;
  updatedBy: string;
  createdAt: string;
  updatedAt: string;
};

export type ListenerAnswer = {
  request_id: string;
  status_code: number;
  headers?: Record<string, string | string[]>;
  body?: string;
  duration_ms: number;
};

export type ListenerCreate = {
  contract?: "workflow" | "organisation" | "operational";
  assistant_id?: string;
  endpoint_id?: string;
  event_types?: (
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed"
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed"
    | "status-update"
    | "conversation-update"
    | "end-of-call-report"
    | "hang"
    | "error"
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
  )[];
};

export type Me = {
  id: string;
  name: string;
  scopes: ("read" | "write" | "publish" | "payload" | "admin")[];
  default_team_id: string;
  /** The team that this request acted for. */
  team_id: string;
  teams: {
    id: string;
    name: string;
  }[];
  portal: PortalGrant | null;
};

export type MessageSnapshot = {
  messageId: string;
  role: "user" | "assistant";
  text: string;
  /** Unix time in milliseconds. */
  timestamp: number;
  /** Any JSON, exactly as it was reported. */
  metrics?: unknown;
};

export type NewApiKey = {
  id: string;
  /** The key itself. It is shown only here. */
  key: string;
  name: string;
  prefix: string;
  last4: string;
  scopes: ("read" | "write" | "publish" | "payload" | "admin")[];
  default_team_id: string;
  team_ids: string[];
  expires_in_seconds: number | null;
};

export type NewListener = {
  id: string;
  endpoint_id: string;
  /** What its requests are signed with: `whsec_…`. */
  secret: string;
};

export type NewPortalLink = {
  id: string;
  /** The link itself. It is shown only here. */
  url: string;
  expires_at: string;
};

export type OperationalWebhook = {
  id: string;
  name: string;
  url: string;
  actions: string[];
  enabled: boolean;
  disabled_reason: "manual" | "failing" | null;
  has_bearer_token: boolean;
  timeout_seconds: number;
  max_retries: number;
  retry_backoff_seconds: number;
  header_names: string[];
  created_at: string;
  updated_at: string;
  all_teams?: boolean;
};

export type OperationalWebhookAttempt = {
  event_id: string;
  subscription_id: string;
  action: string;
  team_id: string;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  _id: string;
  id: string;
  attempt_number: number;
  request_url: string;
  success: boolean;
  response_status_code: number | null;
  response_body: string | null;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  response_truncated: boolean;
  error_code: string | null;
  error_message: string | null;
  latency_ms: number | null;
  will_retry: boolean;
  manual: boolean;
};

export type OperationalWebhookCreate = {
  name: string;
  /** An absolute https URL of a public host, without a fragment, a user name or a password. */
  url: string;
  actions: (
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing"
  )[];
  enabled?: boolean;
  bearer_token?: string | null;
  timeout_seconds?: number;
  max_retries?: number;
  retry_backoff_seconds?: number;
  headers?: Record<string, string> | null;
  signing_secret?: string | null;
  /** Get events of all teams, each with its `team_id`. Needs the operator's key, `POSTRIDER_API_KEY`. */
  all_teams?: boolean;
};

export type OperationalWebhookEvent = {
  event_id: string;
  subscription_id: string;
  action: string;
  team_id: string;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  _id: string;
  id: string;
  workflow_id: string | null;
  workflow_name: string | null;
  workflow_run_id: string | null;
  workflow_run_status: string | null;
  dedupe_key: string | null;
  status: "pending" | "retrying" | "delivered" | "failed";
  attempts_count: number;
  next_retry_at: string | null;
  delivered_at: string | null;
  last_attempt_at: string | null;
  last_status_code: number | null;
  last_error: string | null;
  payload_omitted?: true;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  payload: Record<string, unknown> | null;
};

export type OperationalWebhookTest = {
  action?:
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing";
};

export type OperationalWebhookUpdate = {
  name?: string | null;
  url?: string | null;
  actions?:
    | (
        | "endpoint.failing"
        | "endpoint.recovered"
        | "endpoint.disabled"
        | "delivery.exhausted"
        | "replay.completed"
        | "backlog.growing"
      )[]
    | null;
  enabled?: boolean | null;
  bearer_token?: string | null;
  clear_bearer_token?: boolean | null;
  timeout_seconds?: number | null;
  max_retries?: number | null;
  retry_backoff_seconds?: number | null;
  headers?: Record<string, string> | null;
  all_teams?: boolean | null;
};

export type OrganisationStepCompleted = {
  event_id: string;
  event_type: "workflow.step.completed";
  workflow_id: string;
  organization_id: string;
  timestamp: string;
  data: {
    run_id: string;
    workflow_name: string;
    step: StepSnapshot;
  };
};

export type OrganisationStepFailed = {
  event_id: string;
  event_type: "workflow.step.failed";
  workflow_id: string;
  organization_id: string;
  timestamp: string;
  data: {
    run_id: string;
    workflow_name: string;
    step: StepSnapshot;
  };
};

export type OrganisationStepStarted = {
  event_id: string;
  event_type: "workflow.step.started";
  workflow_id: string;
  organization_id: string;
  timestamp: string;
  data: {
    run_id: string;
    workflow_name: string;
    step: StepSnapshot;
  };
};

export type OrganisationWorkflowCompleted = {
  event_id: string;
  event_type: "workflow.completed";
  workflow_id: string;
  organization_id: string;
  timestamp: string;
  data: {
    run_id: string;
    workflow_name: string;
    status: "completed";
    trigger: "manual" | "scheduled" | "triggered";
    started_at: string;
    completed_at: string | null;
    duration_ms: number | null;
    /** Any JSON, exactly as it was reported. */
    output: unknown;
    /** Any JSON, exactly as it was reported. */
    error: unknown;
    /** Only on a test event. */
    test?: true;
  };
};

export type OrganisationWorkflowFailed = {
  event_id: string;
  event_type: "workflow.failed";
  workflow_id: string;
  organization_id: string;
  timestamp: string;
  data: {
    run_id: string;
    workflow_name: string;
    status: "failed" | "cancelled";
    trigger: "manual" | "scheduled" | "triggered";
    started_at: string;
    completed_at: string | null;
    duration_ms: number | null;
    /** Any JSON, exactly as it was reported. */
    output: unknown;
    /** Any JSON, exactly as it was reported. */
    error: unknown;
  };
};

export type OrganisationWorkflowStarted = {
  event_id: string;
  event_type: "workflow.started";
  workflow_id: string;
  organization_id: string;
  timestamp: string;
  data: {
    run_id: string;
    workflow_name: string;
    status: "started";
    trigger: "manual" | "scheduled" | "triggered";
    started_at: string;
    completed_at: string | null;
    duration_ms: number | null;
    /** Any JSON, exactly as it was reported. */
    output: unknown;
    /** Any JSON, exactly as it was reported. */
    error: unknown;
  };
};

/** The permissions of the session's portal link; null outside of the portal. */
export type PortalGrant = {
  access: "read" | "manage";
  endpoint_ids: string[] | null;
  theme: PortalTheme | null;
};

export type PortalLink = {
  id: string;
  team_id: string;
  access: "read" | "manage";
  endpoint_ids: string[] | null;
  theme: PortalTheme | null;
  created_at: string;
  expires_at: string;
  /** The id of the API key or session that made it. */
  actor: string;
};

export type PortalLinkCreate = {
  team_id: string;
  access: "read" | "manage";
  endpoint_ids?: string[];
  expires_in_seconds: number;
  theme?: PortalTheme;
};

export type PortalTheme = {
  accent?: string;
  background?: string;
  logo_url?: string;
};

/** An error answer (RFC 9457). */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code:
    | "answer_too_late"
    | "body_too_large"
    | "default_team"
    | "delivery_in_flight"
    | "endpoint_incomplete"
    | "foreign_origin"
    | "headers_too_large"
    | "id_taken"
    | "idempotency_key_in_flight"
    | "idempotency_key_reused"
    | "internal_error"
    | "invalid_request"
    | "key_in_use"
    | "malformed_body"
    | "malformed_request"
    | "method_not_allowed"
    | "not_found"
    | "not_ready"
    | "operators_key"
    | "overloaded"
    | "payload_expired"
    | "payload_gone"
    | "query_too_slow"
    | "quota_exceeded"
    | "rate_limited"
    | "report_sent"
    | "reported_differently"
    | "request_timeout"
    | "scope_missing"
    | "shutting_down"
    | "storage_unavailable"
    | "subscription_disabled"
    | "subscription_gone"
    | "team_not_found"
    | "too_many_unfinished_runs"
    | "transition_refused"
    | "unauthorized"
    | "unsupported_media_type"
    | "url_refused";
  request_id: string;
  errors?: {
    loc: (string | number)[];
    msg: string;
    type: string;
  }[];
};

export type Replay = {
  id: string;
  state: "queued" | "running" | "done" | "cancelled";
  /** The filter as it was sent, with the parameter names of its route. Repeatable parameters are lists. */
  filter: DeliveryFilter | WorkflowWebhookEventFilter;
  only: "failed" | "all";
  rate_per_second: number;
  /** Null until they are counted. */
  matching: number | null;
  /** Deliveries made due so far. */
  replayed: number;
  /** Deliveries that were skipped: the payload is past its retention, the endpoint is disabled or deleted, or the delivery is already waiting. */
  skipped: number;
  /** Replayed deliveries that ended as delivered. */
  delivered: number;
  /** Replayed deliveries that ended as failed or were erased meanwhile. */
  failed: number;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  /** The id of the API key or session that requested it. */
  actor: string;
};

export type ReplayCompleted = {
  event_id: string;
  type: "replay.completed";
  timestamp: string;
  data: {
    /** Only for webhooks with `all_teams`. */
    team_id?: string;
    /** Only on a test event. */
    test?: true;
    replay: ToldReplay;
  };
};

export type ReplayDryRun = {
  matching: number;
  oldest: string | null;
  newest: string | null;
};

export type ReplayStart = {
  filter: DeliveryFilter;
  only?: "failed" | "all";
  dry_run?: boolean;
  rate_per_second?: number;
};

export type ReportFactsAnswer = {
  results: FactResult[];
};

export type ReportStepAnswer = {
  step: Step;
};

export type RetryOperationalWebhookEventAnswer = {
  message: string;
  event_id: string;
};

export type RetryWorkflowWebhookEventAnswer = {
  message: string;
  event_id: string;
};

export type Run = {
  id: string;
  workflow_id: string;
  status: "started" | "running" | "paused" | "completed" | "failed" | "cancelled";
  trigger: "manual" | "scheduled" | "triggered";
  version_number: number;
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  termination_source: string | null;
  timeout_seconds: number | null;
  deadline_at: string | null;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  documents_omitted?: true;
  input: unknown;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  output: unknown;
  collected_information: unknown;
  error: unknown;
};

export type RunSnapshot = {
  id: string;
  workflow_id: string;
  status: "started" | "running" | "paused" | "completed" | "failed" | "cancelled";
  trigger: "manual" | "scheduled" | "triggered";
  version_number: number;
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  /** Any JSON, exactly as it was reported. */
  input: unknown;
  /** Any JSON, exactly as it was reported. */
  output: unknown;
  /** Any JSON, exactly as it was reported. */
  collected_information: unknown;
  /** Any JSON, exactly as it was reported. */
  error: unknown;
  termination_source: string | null;
};

export type RunStart = {
  _id?: string;
  workflow_id: string;
  trigger: "manual" | "scheduled" | "triggered";
  input?: unknown;
  timeout_seconds?: number | null;
  occurred_at?: string;
};

export type RunUpdate = {
  status?: "running" | "paused" | "completed" | "failed" | "cancelled";
  output?: unknown;
  collected_information?: unknown;
  error?: unknown;
  occurred_at?: string;
};

export type ServerMessageError = {
  message: {
    type: "error";
    /** Unix time in milliseconds. */
    timestamp: number;
    call: CallSnapshot;
    assistant: AssistantSnapshot;
    phone: {
      provider: {
        name: string;
      };
    };
    customer: {
      number: string;
    };
    /** Any JSON, exactly as it was reported. */
    analysis: unknown;
    error: CallFailure;
    /** The whole conversation so far. */
    messages: MessageSnapshot[];
  };
};

export type Session = {
  id: string;
  /** The team that the session acts for, unless `X-Org-Id` names another one. */
  team_id: string;
  scopes: ("read" | "write" | "publish" | "payload" | "admin")[];
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  /** Whether this request was made with this session. */
  current: boolean;
};

export type SessionCreate = {
  api_key?: string;
  login_token?: string;
};

export type SessionUpdate = {
  team_id: string;
};

export type SignIn = {
  provider: SignInProvider | null;
};

export type SignInProvider = {
  name: string;
  /** Where a browser goes to sign in with it. */
  url: string;
  /** Where a browser goes after its session has ended. It leads to the provider's sign-out if the person signed in with the provider, and otherwise to the dashboard. */
  sign_out_url: string;
};

export type SigningSecret = {
  secret: string;
  previous_expires_at: string | null;
};

export type StartRunAnswer = {
  id: string;
  workflow_id: string;
  status: "started" | "running" | "paused" | "completed" | "failed" | "cancelled";
  version_number: number;
  started_at: string;
  completed_at: string | null;
  created_at: string;
  updated_at: string;
  run: Run;
};

export type StatsBucket = {
  at: string;
  delivered: number;
  failed: number;
  retried: number;
  attempts: number;
  p50_ms: number | null;
  p95_ms: number | null;
};

export type Status = {
  status: "ok";
};

export type StatusUpdate = {
  message: {
    type: "status-update";
    /** Unix time in milliseconds. */
    timestamp: number;
    call: CallSnapshot;
    assistant: AssistantSnapshot;
    phone: {
      provider: {
        name: string;
      };
    };
    customer: {
      number: string;
    };
    /** Any JSON, exactly as it was reported. */
    analysis: unknown;
  };
};

export type Step = {
  id: string;
  run_id: string;
  name: string;
  index: number | null;
  attempt: number;
  status: "started" | "completed" | "failed";
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  documents_omitted?: true;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  output: unknown;
  error: unknown;
};

export type StepReport = {
  status: "started" | "completed" | "failed";
  name?: string;
  index?: number | null;
  /** The attempt that this report is about. Default: the present attempt, or the next one after a failure. */
  attempt?: number;
  output?: unknown;
  error?: unknown;
  occurred_at?: string;
};

export type StepSnapshot = {
  id: string;
  name: string;
  index: number | null;
  attempt: number;
  status: "started" | "completed" | "failed";
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  /** Any JSON, exactly as it was reported. */
  output: unknown;
  /** Any JSON, exactly as it was reported. */
  error: unknown;
};

export type StreamDeliveriesQuery = {
  endpoint_id?: string[];
  contract?: ("workflow" | "organisation" | "assistant" | "operational" | "listener")[];
  event_type?: (
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed"
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed"
    | "status-update"
    | "conversation-update"
    | "end-of-call-report"
    | "hang"
    | "error"
    | "endpoint.failing"
    | "endpoint.recovered"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "replay.completed"
    | "backlog.growing"
  )[];
  status?: ("pending" | "retrying" | "delivered" | "failed")[];
  subject_id?: string;
  event_id?: string[];
  error_code?: string[];
  from?: string;
  to?: string;
};

export type Team = {
  id: string;
  name: string;
  created_at: string;
};

export type TeamCreate = {
  name: string;
};

export type TeamSettings = {
  id: string;
  name: string;
  created_at: string;
  encrypt_payloads: boolean;
  payload_retention_days: number | null;
  attempt_retention_days: number | null;
  disable_failing_after_days: number | null;
  expire_waiting_after_days: number | null;
};

export type TeamUpdate = {
  name?: string;
  encrypt_payloads?: boolean;
  payload_retention_days?: number | null;
  attempt_retention_days?: number | null;
  disable_failing_after_days?: number | null;
  expire_waiting_after_days?: number | null;
};

export type TestOperationalWebhookAnswer = {
  event_id: string;
};

export type TestWebhookAnswer = {
  event_id: string;
};

export type TestWorkflowWebhookAnswer = {
  event_id: string;
};

export type ToldBacklog = {
  oldest_due_at: string;
  age_seconds: number;
};

export type ToldDelivery = {
  id: string;
  endpoint_id: string;
  contract: string;
  event_type: string;
  event_id: string;
  attempts_count: number;
  status_code: number | null;
  error_code: string | null;
  created_at: string;
};

export type ToldEndpoint = {
  id: string;
  contract: string;
  name: string;
  url: string;
  /** When the first failed delivery was created. */
  failing_since: string;
  until: string | null;
};

export type ToldReplay = {
  id: string;
  matching: number | null;
  replayed: number;
  delivered: number;
  failed: number;
  created_at: string;
  finished_at: string;
};

export type UpdateRunAnswer = {
  id: string;
  workflow_id: string;
  status: "started" | "running" | "paused" | "completed" | "failed" | "cancelled";
  version_number: number;
  started_at: string;
  completed_at: string | null;
  created_at: string;
  updated_at: string;
  run: Run;
};

export type UpdateWorkflowAnswer = {
  workflow: Workflow;
};

export type Webhook = {
  id: string;
  name: string;
  url: string;
  events: string[];
  is_active: boolean;
  has_secret: boolean;
  header_names: string[];
  created_at: string;
  updated_at: string;
};

export type WebhookCreate = {
  name: string;
  /** An absolute https URL of a public host, without a fragment, a user name or a password. */
  url: string;
  events: (
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed"
  )[];
  secret?: string | null;
  headers?: Record<string, string> | null;
  signing_secret?: string | null;
};

export type WebhookLog = {
  id: string;
  subscription_id: string;
  event_id: string;
  event_type: string;
  attempt_number: number;
  url: string;
  success: boolean;
  will_retry: boolean;
  status_code: number | null;
  response_body: string | null;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  error: string | null;
  duration_ms: number | null;
  created_at: string;
};

export type WebhookUpdate = {
  name?: string;
  /** An absolute https URL of a public host, without a fragment, a user name or a password. */
  url?: string;
  events?: (
    | "workflow.started"
    | "workflow.completed"
    | "workflow.failed"
    | "workflow.step.started"
    | "workflow.step.completed"
    | "workflow.step.failed"
  )[];
  secret?: string | null;
  headers?: Record<string, string> | null;
  is_active?: boolean;
};

export type Workflow = {
  id: string;
  name: string;
  description: string | null;
  version_number: number;
  version_name: string | null;
  revision: number;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  documents_omitted?: true;
  configuration: Record<string, unknown> | null;
  settings: Record<string, unknown> | null;
};

export type WorkflowCreate = {
  _id?: string;
  name: string;
  description?: string | null;
  configuration?: Record<string, unknown> | null;
  settings?: Record<string, unknown> | null;
  version_name?: string | null;
  occurred_at?: string;
};

export type WorkflowCreated = {
  event_id: string;
  action: "workflow_created";
  dedupe_key: string;
  team_id: string;
  occurred_at: string;
  /** Only on a test event. */
  test?: true;
  workflow_id: string;
  workflow_name: string;
  workflow: WorkflowSnapshot;
};

export type WorkflowDeleted = {
  event_id: string;
  action: "workflow_deleted";
  dedupe_key: string;
  team_id: string;
  occurred_at: string;
  /** Only on a test event. */
  test?: true;
  workflow_id: string;
  workflow_name: string;
  workflow: WorkflowSnapshot;
};

export type WorkflowRunCompleted = {
  event_id: string;
  action: "workflow_run_completed";
  dedupe_key: string;
  team_id: string;
  occurred_at: string;
  /** Only on a test event. */
  test?: true;
  workflow_id: string;
  workflow_name: string;
  workflow_run_id: string;
  workflow_run_status: "started" | "completed" | "failed" | "cancelled";
  run: RunSnapshot;
  workflow: WorkflowSnapshot;
};

export type WorkflowRunStarted = {
  event_id: string;
  action: "workflow_run_started";
  dedupe_key: string;
  team_id: string;
  occurred_at: string;
  /** Only on a test event. */
  test?: true;
  workflow_id: string;
  workflow_name: string;
  workflow_run_id: string;
  workflow_run_status: "started" | "completed" | "failed" | "cancelled";
  run: RunSnapshot;
  workflow: WorkflowSnapshot;
};

export type WorkflowSnapshot = {
  id: string;
  name: string;
  description: string | null;
  version_number: number;
  version_name: string | null;
  created_at: string;
  updated_at: string;
};

export type WorkflowUpdate = {
  name?: string;
  description?: string | null;
  configuration?: Record<string, unknown> | null;
  settings?: Record<string, unknown> | null;
  occurred_at?: string;
};

export type WorkflowUpdated = {
  event_id: string;
  action: "workflow_updated";
  dedupe_key: string;
  team_id: string;
  occurred_at: string;
  /** Only on a test event. */
  test?: true;
  workflow_id: string;
  workflow_name: string;
  reason: "configuration" | "version" | "settings";
  changes: Change[];
  workflow: WorkflowSnapshot;
};

export type WorkflowVersion = {
  id: string;
  number: number;
  name: string | null;
  version_number: number;
  version_name: string | null;
};

export type WorkflowVersionActivate = {
  occurred_at?: string;
};

export type WorkflowVersionCreate = {
  _id?: string;
  version_name?: string | null;
  mark_as_active?: boolean;
  occurred_at?: string;
};

export type WorkflowWebhook = {
  id: string;
  name: string;
  url: string;
  actions: string[];
  enabled: boolean;
  disabled_reason: "manual" | "failing" | null;
  has_bearer_token: boolean;
  timeout_seconds: number;
  max_retries: number;
  retry_backoff_seconds: number;
  header_names: string[];
  created_at: string;
  updated_at: string;
};

export type WorkflowWebhookAttempt = {
  event_id: string;
  subscription_id: string;
  action: string;
  team_id: string;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  _id: string;
  id: string;
  attempt_number: number;
  request_url: string;
  success: boolean;
  response_status_code: number | null;
  response_body: string | null;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  response_truncated: boolean;
  error_code: string | null;
  error_message: string | null;
  latency_ms: number | null;
  will_retry: boolean;
  manual: boolean;
};

export type WorkflowWebhookCreate = {
  name: string;
  /** An absolute https URL of a public host, without a fragment, a user name or a password. */
  url: string;
  actions: (
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed"
  )[];
  enabled?: boolean;
  bearer_token?: string | null;
  timeout_seconds?: number;
  max_retries?: number;
  retry_backoff_seconds?: number;
  headers?: Record<string, string> | null;
  signing_secret?: string | null;
};

export type WorkflowWebhookEvent = {
  event_id: string;
  subscription_id: string;
  action: string;
  team_id: string;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  _id: string;
  id: string;
  workflow_id: string | null;
  workflow_name: string | null;
  workflow_run_id: string | null;
  workflow_run_status: string | null;
  dedupe_key: string | null;
  status: "pending" | "retrying" | "delivered" | "failed";
  attempts_count: number;
  next_retry_at: string | null;
  delivered_at: string | null;
  last_attempt_at: string | null;
  last_status_code: number | null;
  last_error: string | null;
  payload_omitted?: true;
  /** The members that have a value which the API key may not see, because it lacks the scope `payload`. */
  hidden?: string[];
  payload: Record<string, unknown> | null;
};

export type WorkflowWebhookEventFilter = {
  subscription_id?: string;
  workflow_id?: string;
  action?:
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed";
  status?: "pending" | "retrying" | "delivered" | "failed";
  search?: string;
  start?: string;
  end?: string;
};

export type WorkflowWebhookReplayStart = {
  filter: WorkflowWebhookEventFilter;
  only?: "failed" | "all";
  dry_run?: boolean;
  rate_per_second?: number;
};

export type WorkflowWebhookTest = {
  action?:
    | "workflow_created"
    | "workflow_updated"
    | "workflow_deleted"
    | "workflow_run_started"
    | "workflow_run_completed";
};

export type WorkflowWebhookUpdate = {
  name?: string | null;
  url?: string | null;
  actions?:
    | (
        | "workflow_created"
        | "workflow_updated"
        | "workflow_deleted"
        | "workflow_run_started"
        | "workflow_run_completed"
      )[]
    | null;
  enabled?: boolean | null;
  bearer_token?: string | null;
  clear_bearer_token?: boolean | null;
  timeout_seconds?: number | null;
  max_retries?: number | null;
  retry_backoff_seconds?: number | null;
  headers?: Record<string, string> | null;
};
