const workflowId = "6b0c3f2a9d4e5f6071829304";
const assistantId = "6b0c3f2a9d4e5f6071829305";
const url = "https://example.com/webhooks";
const headers = { "x-team": "billing" };

/** An example of each path parameter, for the description; ids that are not listed here share one example. */
export const pathExamples: Readonly<Record<string, string>> = {
  conversation_id: "WC-6b0c3f2a-9d4e-8f60-8182-930418293040",
  event_id: "event_6b0172a8-41d2-8e77-a6c8-27b5f3094e62",
  number: "2",
  step_id: "0-find-a-slot",
};

/** The example of an id in a path. */
export const idExample = workflowId;

/** An example of each operation's body, for the description; `reportFacts` has its own. */
export const bodyExamples: Readonly<Record<string, object>> = {
  createAssistant: { name: "Front desk", hangTimeoutSeconds: 30 },
  updateAssistant: { name: "Night desk" },
  createConversation: { assistantId, callType: "phone", userNumber: "+14155550123" },
  endConversation: { callEndTriggerBy: "user", assistantCallDuration: 84_000 },
  reportConversationError: { type: "llm_error", message: "no answer in time", retryable: true },
  addConversationMessage: { role: "user", text: "I would like to book a table." },
  changeConversationStatus: { status: "ongoing" },
  createApiKey: { name: "Reporting", scopes: ["read"] },
  createPortalLink: {
    team_id: "6b0c3f2a9d4e5f6071829306",
    access: "read",
    endpoint_ids: ["6b0c3f2a9d4e5f6071829307"],
    expires_in_seconds: 3_600,
    theme: { accent: "#1f6feb", logo_url: "https://example.com/logo.svg" },
  },
  createListener: { contract: "workflow", event_types: ["workflow_run_completed"] },
  answerListenerRequest: {
    request_id: "6b0c3f2a9d4e5f6071829308",
    status_code: 200,
    headers: { "content-type": "text/plain" },
    body: "ok",
    duration_ms: 12,
  },
  createSession: { api_key: "prk_live_6b0c3f2a9d4e5f6071829304_…" },
  updateSession: { team_id: "6b0c3f2a9d4e5f6071829306" },
  createTeam: { name: "Billing" },
  updateTeam: { payload_retention_days: 7 },
  createWebhook: { name: "Steps", url, events: ["workflow.completed"], headers },
  updateWebhook: { is_active: false },
  startRun: { workflow_id: workflowId, trigger: "manual", input: { order: 17 } },
  updateRun: { status: "completed", output: { ok: true } },
  reportStep: { status: "completed", name: "Look up the order", output: { found: true } },
  startReplay: { filter: { endpoint_id: assistantId, from: "2026-11-21T10:30:00Z" } },
  replayWorkflowWebhookEvents: { filter: { workflow_id: workflowId }, dry_run: true },
  createWorkflowWebhook: { name: "Runs", url, actions: ["workflow_run_completed"], headers },
  updateWorkflowWebhook: { max_retries: 5 },
  createOperationalWebhook: { name: "On call", url, actions: ["endpoint.failing"], headers },
  updateOperationalWebhook: { max_retries: 5 },
  testOperationalWebhook: { action: "endpoint.failing" },
  testWorkflowWebhook: { action: "workflow_run_completed" },
  createWorkflow: { name: "Order desk", configuration: { language: "en" } },
  updateWorkflow: { description: "Takes orders by telephone." },
  createWorkflowVersion: { version_name: "With refunds", mark_as_active: true },
  activateWorkflowVersion: { occurred_at: "2026-11-21T10:30:00Z" },
};
